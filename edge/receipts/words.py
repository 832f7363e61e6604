"""All words that are printed, in each language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from protocols.ocpi.cdr import Adjustment
from protocols.ocpi.tariff import ReservationRestrictionType, TariffDimensionType
from protocols.sync.payments import PaymentMethod
from protocols.sync.up import PostingReason


class Language(StrEnum):
    """The languages of what is printed."""

    ENGLISH = "en"
    CHINESE = "zh"


def language_of(said: str, otherwise: Language) -> Language:
    """The printed language for what a customer speaks (ISO 639-1, perhaps with a country behind it)."""
    for language in Language:
        if said.lower().startswith(language.value):
            return language
    return otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language. Words in braces are filled in; all languages have the same ones."""

    receipt: str
    payment_receipt: str
    refund_receipt: str
    credit_note: str
    statement: str
    till_report: str
    copy: str
    tax_id: str
    number: str
    date: str
    bill: str
    credits_bill: str
    replaces_bill: str
    was_credited: str
    station: str
    card: str
    contract: str
    customer: str
    begun: str
    ended: str
    energy: str
    charging_time: str
    parking_time: str
    reserved_time: str
    meter_start: str
    meter_end: str
    signed: str
    dimension: Mapping[TariffDimensionType, str]
    reservation: Mapping[ReservationRestrictionType, str]
    adjustment: Mapping[Adjustment, str]
    per_kwh: str
    per_hour: str
    per_session: str
    billed: str
    vat: str
    vat_free: str
    vat_mixed: str
    vat_head: tuple[str, str, str, str]
    net: str
    taxes: str
    total: str
    credit_total: str
    method: Mapping[PaymentMethod, str]
    given: str
    change: str
    went_back: str
    void: str
    from_wallet: str
    on_account: str
    open: str
    paid_in_full: str
    tariff: str
    method_note: str
    amount: str
    reason: str
    payment: str
    reverses: str
    cashier: str
    till: str
    opened: str
    closed: str
    opening_count: str
    moved: str
    expected: str
    counted: str
    difference: str
    period: str
    opening: str
    reason_of: Mapping[PostingReason, str]
    bills: str
    payments: str
    credits: str
    others: str
    closing: str
    pay_until: str
    nothing_due: str


WORDS: Final[Mapping[Language, Words]] = MappingProxyType(
    {
        Language.ENGLISH: Words(
            receipt="RECEIPT",
            payment_receipt="PAYMENT RECEIPT",
            refund_receipt="REFUND RECEIPT",
            credit_note="CREDIT NOTE",
            statement="STATEMENT OF ACCOUNT",
            till_report="TILL REPORT",
            copy="COPY",
            tax_id="Tax ID",
            number="No.",
            date="Date",
            bill="Bill",
            credits_bill="Credits bill",
            replaces_bill="Replaces bill",
            was_credited="This bill was credited by {credit}.",
            station="Charging point",
            card="Card",
            contract="Contract",
            customer="Customer",
            begun="Begun",
            ended="Ended",
            energy="Energy",
            charging_time="Charging time",
            parking_time="Idle time",
            reserved_time="Reserved time",
            meter_start="Meter at start",
            meter_end="Meter at end",
            signed="Signed by the meter",
            dimension=MappingProxyType(
                {
                    TariffDimensionType.ENERGY: "Energy",
                    TariffDimensionType.FLAT: "Session fee",
                    TariffDimensionType.PARKING_TIME: "Idle time",
                    TariffDimensionType.TIME: "Charging time",
                }
            ),
            reservation=MappingProxyType(
                {
                    ReservationRestrictionType.RESERVATION: "Reservation",
                    ReservationRestrictionType.RESERVATION_EXPIRES: "Unused reservation",
                }
            ),
            adjustment=MappingProxyType(
                {
                    Adjustment.MIN_PRICE: "Up to the minimum price",
                    Adjustment.MAX_PRICE: "Down to the maximum price",
                    Adjustment.IDLE_MAX_PRICE: "Down to the idle fee's ceiling",
                }
            ),
            per_kwh="kWh",
            per_hour="h",
            per_session="session",
            billed="billed {quantity}",
            vat="VAT {rate} %",
            vat_free="no VAT",
            vat_mixed="all rates",
            vat_head=("VAT", "net", "tax", "gross"),
            net="Net",
            taxes="VAT",
            total="TOTAL",
            credit_total="CREDITED",
            method=MappingProxyType({PaymentMethod.CASH: "cash", PaymentMethod.CARD: "card", PaymentMethod.QR: "QR"}),
            given="Given",
            change="Change",
            went_back="of which went back",
            void="VOID",
            from_wallet="From the prepaid account",
            on_account="On account",
            open="OPEN",
            paid_in_full="PAID",
            tariff="Tariff",
            method_note="Rounding {rule}, priced by {engine}",
            amount="Amount",
            reason="Reason",
            payment="Paid by {method}",
            reverses="Of payment",
            cashier="Cashier",
            till="Till",
            opened="Opened",
            closed="Closed",
            opening_count="Opening count",
            moved="Put in and taken out",
            expected="Expected",
            counted="Counted",
            difference="DIFFERENCE",
            period="Period",
            opening="Opening balance",
            reason_of=MappingProxyType(
                {
                    PostingReason.CDR: "Bill",
                    PostingReason.HOLD: "Set aside",
                    PostingReason.RELEASE: "Free again",
                    PostingReason.PAYMENT: "Payment",
                    PostingReason.REFUND: "Refund",
                    PostingReason.VOID: "Void",
                    PostingReason.CREDIT: "Credit",
                    PostingReason.WRITE_OFF: "Written off",
                    PostingReason.TILL: "Till",
                    PostingReason.TRANSFER: "Transfer",
                }
            ),
            bills="Bills",
            payments="Payments",
            credits="Credits",
            others="Other postings",
            closing="CLOSING BALANCE",
            pay_until="Please pay {amount} until {day}.",
            nothing_due="There is nothing to pay.",
        ),
        Language.CHINESE: Words(
            receipt="收据",
            payment_receipt="付款收据",
            refund_receipt="退款收据",
            credit_note="红字冲销单",
            statement="对账单",
            till_report="收银交接单",
            copy="副本",
            tax_id="税号",
            number="编号",
            date="日期",
            bill="账单",
            credits_bill="冲销账单",
            replaces_bill="替代账单",
            was_credited="本账单已由 {credit} 冲销。",
            station="充电枪",
            card="卡号",
            contract="合同",
            customer="客户",
            begun="开始",
            ended="结束",
            energy="电量",
            charging_time="充电时长",
            parking_time="占位时长",
            reserved_time="预约时长",
            meter_start="起始电表读数",
            meter_end="结束电表读数",
            signed="电表签名",
            dimension=MappingProxyType(
                {
                    TariffDimensionType.ENERGY: "电费",
                    TariffDimensionType.FLAT: "单次费用",
                    TariffDimensionType.PARKING_TIME: "占位费",
                    TariffDimensionType.TIME: "充电时长费",
                }
            ),
            reservation=MappingProxyType(
                {
                    ReservationRestrictionType.RESERVATION: "预约费",
                    ReservationRestrictionType.RESERVATION_EXPIRES: "预约未用费",
                }
            ),
            adjustment=MappingProxyType(
                {
                    Adjustment.MIN_PRICE: "补至最低消费",
                    Adjustment.MAX_PRICE: "减至最高消费",
                    Adjustment.IDLE_MAX_PRICE: "减至占位费上限",
                }
            ),
            per_kwh="千瓦时",
            per_hour="小时",
            per_session="次",
            billed="计费 {quantity}",
            vat="税率 {rate}%",
            vat_free="免税",
            vat_mixed="各税率",
            vat_head=("税率", "不含税", "税额", "含税"),
            net="不含税合计",
            taxes="税额",
            total="合计",
            credit_total="冲销合计",
            method=MappingProxyType({PaymentMethod.CASH: "现金", PaymentMethod.CARD: "刷卡", PaymentMethod.QR: "扫码"}),
            given="实收",
            change="找零",
            went_back="其中已退",
            void="作废",
            from_wallet="预付账户支付",
            on_account="记入账户",
            open="未付",
            paid_in_full="已付清",
            tariff="电价",
            method_note="舍入规则 {rule},计价引擎 {engine}",
            amount="金额",
            reason="原因",
            payment="{method}支付",
            reverses="原付款",
            cashier="收银员",
            till="收银机",
            opened="开班",
            closed="交班",
            opening_count="开班金额",
            moved="存入与取出",
            expected="应有金额",
            counted="清点金额",
            difference="差额",
            period="账期",
            opening="期初余额",
            reason_of=MappingProxyType(
                {
                    PostingReason.CDR: "账单",
                    PostingReason.HOLD: "预占",
                    PostingReason.RELEASE: "解除预占",
                    PostingReason.PAYMENT: "付款",
                    PostingReason.REFUND: "退款",
                    PostingReason.VOID: "作废",
                    PostingReason.CREDIT: "冲销",
                    PostingReason.WRITE_OFF: "核销",
                    PostingReason.TILL: "收银",
                    PostingReason.TRANSFER: "转账",
                }
            ),
            bills="账单",
            payments="付款",
            credits="冲销",
            others="其他",
            closing="期末余额",
            pay_until="请于 {day} 前支付 {amount}。",
            nothing_due="无需支付。",
        ),
    }
)
