"""Who may ask what over the local socket: one table, a request to the act that it is.

What may change money or chargers needs somebody who may do that; what only shows the site's present needs nobody. Where
the site has staff, a request that is not in the table is refused: who adds one says what it takes.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from protocols.site import bill_requests as bills
from protocols.site import code_requests as codes
from protocols.site import customer_requests as customers
from protocols.site import payment_requests as paid
from protocols.site import receipt_requests as receipts
from protocols.site import requests as asked
from protocols.site import staff_requests as seats
from protocols.site.requests import Request
from protocols.site.staff import Act, Actor

NEEDS: Final[MappingProxyType[type, Act | None]] = MappingProxyType(
    {
        seats.SignIn: None,
        seats.SignOut: None,
        seats.WhoAmI: None,
        asked.Watch: None,
        asked.GetStatus: None,
        asked.GetStations: None,
        asked.GetSync: None,
        asked.SumDays: None,  # nobody is shown anything, and nothing is changed
        asked.GetDeviations: None,
        asked.GetJobs: None,
        asked.ReadVariables: None,
        asked.ReadReport: None,
        asked.ClaimStations: None,  # between the agents of a node
        asked.CallStation: Act.STEER_CHARGERS,
        asked.OperateStation: Act.STEER_CHARGERS,
        codes.StartByCode: Act.STEER_CHARGERS,
        asked.AcceptStation: Act.STEER_CHARGERS,
        asked.DismissAlarm: Act.STEER_CHARGERS,
        asked.ChangePassword: Act.STEER_CHARGERS,
        asked.ForgetSecurityProfile: Act.STEER_CHARGERS,
        asked.RevokeCertificate: Act.STEER_CHARGERS,
        asked.BeginJob: Act.STEER_CHARGERS,
        asked.StopJob: Act.STEER_CHARGERS,
        asked.AddFirmware: Act.STEER_CHARGERS,
        asked.RemoveFirmware: Act.STEER_CHARGERS,
        bills.GetBills: Act.SEE_MONEY,
        bills.GetBill: Act.SEE_MONEY,
        bills.DecideBill: Act.DECIDE_BILLS,
        paid.TakePayment: Act.TAKE_MONEY,
        paid.RefundPayment: Act.GIVE_MONEY_BACK,
        paid.VoidPayment: Act.GIVE_MONEY_BACK,
        paid.SettlePayment: Act.SET_LIMITS,
        paid.WriteOffDebt: Act.DECIDE_BILLS,
        paid.GetPayments: Act.SEE_MONEY,
        paid.OpenTill: Act.TAKE_MONEY,
        paid.MoveCash: Act.TAKE_MONEY,
        paid.CloseTill: Act.TAKE_MONEY,
        paid.GetTills: Act.SEE_MONEY,
        paid.ReconcilePayments: Act.SET_LIMITS,
        paid.GetReconciliations: Act.SEE_MONEY,
        customers.AddCustomers: Act.SERVE_CUSTOMERS,
        customers.BlockContract: Act.SERVE_CUSTOMERS,
        customers.ChangeContract: Act.SET_LIMITS,
        customers.GetCustomer: Act.SEE_MONEY,
        customers.GetBalance: Act.SEE_MONEY,
        receipts.IssueReceipt: Act.TAKE_MONEY,
        receipts.GetReceipts: Act.SEE_MONEY,
        receipts.MakeStatement: Act.SERVE_CUSTOMERS,
        receipts.GetStatements: Act.SEE_MONEY,
        receipts.Find: Act.SEE_MONEY,
        asked.ImportTokens: Act.SERVE_CUSTOMERS,
        asked.BlockToken: Act.SERVE_CUSTOMERS,
        asked.ImportTariffs: Act.SET_LIMITS,
    }
)
WHO: Final = "the site has staff: sign in first, with `--staff ID` on the command line"


def refusal(request: Request, actor: Actor | None) -> str | None:
    """Why somebody may not ask this, and what to do; None where they may. `actor` None: nobody has signed in."""
    kind = type(request)
    if kind not in NEEDS:
        return f"nobody may ask for {request.kind}: edge/local/permits.py does not say who"
    act = NEEDS[kind]
    if act is None:
        return None
    if actor is None:
        return WHO
    if not actor.may(act):
        return f"{actor.staff_id} is a {actor.role} and may not {act.replace('_', ' ')}: ask somebody who may"
    return None
