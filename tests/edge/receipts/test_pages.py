"""What is printed is the bill, to the cent, in both languages, on paper and in the PDF."""

from __future__ import annotations

import io
import os
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pypdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.receipts.bill import BillFacts
from edge.receipts.payment import PaymentFacts, TillFacts
from edge.receipts.pdf import as_pdf
from edge.receipts.printing import Facts, page_of
from edge.receipts.statement import statement_csv
from edge.receipts.text import as_text, width, wrapped
from edge.receipts.words import WORDS, Language, language_of
from protocols.money import ZERO, Price
from protocols.ocpi.cdr import Adjustment, Cdr, ChargingPeriod, PriceLine
from protocols.ocpi.tariff import PriceLimit, TariffDimensionType
from protocols.sync.payments import PaymentMethod, PaymentState, TillMoved, TillSession
from protocols.sync.up import PostingReason
from tests.edge.receipts.page_kit import T0, USUAL, amounts, bill, component, head, payment, statement, tariff


def credit_of(cdr: Cdr) -> Cdr:
    """The same quantities, and the negative of each cost."""
    lines = tuple(msgspec.structs.replace(line, cost=negative(line.cost)) for line in cdr.lines)
    return msgspec.structs.replace(
        cdr,
        id="edge-1-01234567-50",
        lines=lines,
        total_cost=negative(cdr.total_cost),
        credit=True,
        credit_reference_id=cdr.id,
    )


def negative(price: Price) -> Price:
    return Price(excl_vat=-price.excl_vat, incl_vat=-price.incl_vat)


GOLDEN = Path(__file__).parents[2] / "frames" / "receipts"
SESSION = TillSession(
    session_id="t-1",
    till_id="kiosk",
    staff_id="anna",
    currency="EUR",
    request_key="k",
    opened_at=T0,
    opening=Decimal("100.00"),
    expected=Decimal("60.00"),
    closed_at=T0 + timedelta(hours=8),
    counted=Decimal("59.50"),
    difference=Decimal("-0.50"),
)
PAGES: dict[str, Facts] = {
    "bill": BillFacts(cdr=bill(), payments=(payment(),), customer="Jürgen 王"),
    "credit": BillFacts(cdr=credit_of(bill())),
    "payment": PaymentFacts(payment=payment(), customer="王伟"),
    "refund": PaymentFacts(
        payment=payment("3.00", reverses="p-0", method=PaymentMethod.CARD, provider="terminal", provider_ref="T-77")
    ),
    "till": TillFacts(
        session=SESSION,
        moved=(
            (T0, TillMoved(session_id="t-1", request_key="m", amount=Decimal("-50.00"), reason="to the safe", by="bo")),
        ),
        payments=(payment(),),
    ),
    "statement": statement(),
}


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("name", sorted(PAGES))
def test_pages_are_as_they_were(name: str, language: Language) -> None:
    """After a wanted change run this once with WRITE_GOLDEN=1 and read the difference."""
    text = as_text(page_of(head(language, is_copy=language is Language.CHINESE), PAGES[name]))
    path = GOLDEN / f"{name}_{language}.txt"
    if os.environ.get("WRITE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    assert all(width(line) <= 42 for line in text.splitlines())
    assert (WORDS[language].copy in text) == (language is Language.CHINESE)


def test_all_words_are_there_in_all_languages_and_ask_for_the_same() -> None:
    english, chinese = WORDS[Language.ENGLISH], WORDS[Language.CHINESE]
    for each in fields(english):
        here, there = getattr(english, each.name), getattr(chinese, each.name)
        if isinstance(here, str):
            assert here, each.name
            assert there, each.name
            assert {part.partition("}")[0] for part in here.split("{")[1:]} == {
                part.partition("}")[0] for part in there.split("{")[1:]
            }, each.name
        else:
            assert len(here) == len(there)
            if not isinstance(here, tuple):
                assert here.keys() == there.keys()
    assert set(english.dimension) == set(TariffDimensionType)
    assert set(english.adjustment) == set(Adjustment)
    assert set(english.method) == set(PaymentMethod)
    assert set(english.reason_of) == set(PostingReason)


def test_who_speaks_what_is_answered_in_it() -> None:
    assert language_of("zh-Hans", Language.ENGLISH) is Language.CHINESE
    assert language_of("en", Language.CHINESE) is Language.ENGLISH
    assert language_of("fr", Language.CHINESE) is Language.CHINESE
    assert language_of("", Language.ENGLISH) is Language.ENGLISH


# --- the bill and nothing else ---

RATES = st.sampled_from([None, "7", "19", "5.2", "0"])
PRICES = st.decimals("0", "5", places=3).map(str)
KINDS = st.sampled_from(["ENERGY", "TIME", "PARKING_TIME", "FLAT"])


@st.composite
def bills(draw: st.DrawFn) -> Cdr:
    kinds = draw(st.lists(KINDS, min_size=1, max_size=4, unique=True))
    components = [component(kind, draw(PRICES), draw(RATES), draw(st.sampled_from([1, 60, 500]))) for kind in kinds]
    limits = draw(st.sampled_from([{}, {"max_price": "2.00"}, {"min_price": "50.00"}]))
    given_limits = {name: PriceLimit(excl_vat=Decimal(value)) for name, value in limits.items()}
    periods = (
        ChargingPeriod(start_date_time=T0, energy_wh=draw(st.integers(0, 90_000)), time_s=draw(st.integers(1, 40_000))),
        ChargingPeriod(start_date_time=T0, parking_time_s=draw(st.integers(0, 9_000))),
    )
    return bill(tariff(*components, **given_limits), periods)


@given(bills(), st.sampled_from(list(Language)), st.sampled_from([42, 48]), st.decimals("0.01", "30", places=2))
@settings(max_examples=60, deadline=None)
def test_a_receipt_says_what_the_bill_says(cdr: Cdr, language: Language, columns: int, paid: Decimal) -> None:
    facts = BillFacts(cdr=cdr, payments=(payment(str(paid), given=None, change=None),))
    words = WORDS[language]
    text = as_text(page_of(head(language), facts), columns)
    lines = text.splitlines()
    assert all(width(line) <= columns for line in lines)
    (total,) = [line for line in lines if line.startswith(f"{words.total} ")]
    assert amounts(total) == [cdr.total_cost.incl_vat]
    (net,) = [line for line in lines if line.startswith(f"{words.net} ") and line != lines[0]]
    assert amounts(net) == [cdr.total_cost.excl_vat]
    start = lines.index("-" * columns, lines.index("-" * columns, lines.index("-" * columns) + 1) + 1)
    end = lines.index("-" * columns, start + 1)
    shown = amounts("\n".join(line for line in lines[start:end] if not line.startswith("  ") or " + " in line))
    wanted = []
    for line in cdr.lines:
        wanted += [line.cost.incl_vat, line.cost.excl_vat, line.cost.incl_vat - line.cost.excl_vat]
    assert shown == wanted
    rates = [amounts(line) for line in lines[end:] if line.count(".") >= 3 and len(amounts(line)) == 3]
    assert sum((each[0] for each in rates), ZERO) == cdr.total_cost.excl_vat
    assert sum((each[2] for each in rates), ZERO) == cdr.total_cost.incl_vat
    left = cdr.total_cost.incl_vat - paid
    settled = words.open if left > 0 else words.paid_in_full
    (last,) = [line for line in lines[end:] if line.startswith(f"{settled} ")]
    assert amounts(last) == [left if left > 0 else paid]


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("name", sorted(PAGES))
def test_the_pdf_says_what_the_paper_says(name: str, language: Language) -> None:
    blocks = page_of(head(language), PAGES[name])
    document = as_pdf(blocks, "R-edge-1-000123")
    assert document == as_pdf(blocks, "R-edge-1-000123")
    pages = pypdf.PdfReader(io.BytesIO(document)).pages
    said = "".join("".join(page.extract_text().split()) for page in pages)
    paper = as_text(blocks, 300)
    assert sorted(amounts(" ".join(page.extract_text() for page in pages))) == sorted(amounts(paper))
    for line in paper.splitlines():
        for word in line.replace("=" * 300, "").replace("-" * 300, "").replace("***", "").split():
            assert word.rstrip(":") in said, word


def test_a_long_statement_goes_on_on_the_next_page() -> None:
    facts = statement()
    blocks = page_of(head(), replace(facts, lines=facts.lines * 60))
    pages = pypdf.PdfReader(io.BytesIO(as_pdf(blocks, "S"))).pages
    assert len(pages) > 2
    assert sum(page.extract_text().count("Payment\n") for page in pages) == 60


# --- foreign text ---


def test_what_would_steer_a_printer_is_left_out() -> None:
    facts = BillFacts(cdr=bill(), customer="\x1b@\x1dV\x00evil\u202e\nname")
    text = as_text(page_of(head(), facts))
    assert "@Vevil name" in text
    assert not any(c in text for c in "\x1b\x1d\x00\u202e")


@given(st.text(max_size=80), st.integers(4, 60))
def test_wrapping_keeps_every_character_and_the_width(text: str, columns: int) -> None:
    lines = wrapped(text, columns)
    assert all(width(line) <= columns for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


def test_an_hour_that_comes_twice_is_told_apart() -> None:
    first = bill(end_date_time=datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
    second = bill(end_date_time=datetime(2026, 10, 25, 1, 30, tzinfo=UTC))
    texts = [as_text(page_of(head(), BillFacts(cdr=cdr))) for cdr in (first, second)]
    assert "2026-10-25 02:30:00 +0200" in texts[0]
    assert "2026-10-25 02:30:00 +0100" in texts[1]


def test_a_limit_over_several_rates_is_said_so() -> None:
    line = PriceLine(
        type=TariffDimensionType.FLAT,
        quantity=1,
        billed_quantity=1,
        price=Decimal("-2.00"),
        vat=None,
        cost=Price(excl_vat=Decimal("-2.00"), incl_vat=Decimal("-2.30")),
        adjustment=Adjustment.MAX_PRICE,
    )
    text = as_text(page_of(head(), BillFacts(cdr=bill(lines=(*bill().lines, line)))))
    assert "Down to the maximum price            -2.30" in text
    assert "all rates: -2.00 + -0.30" in text


def test_what_became_of_the_money_is_said() -> None:
    def said(**facts: object) -> str:
        return as_text(page_of(head(), BillFacts(cdr=bill(), **facts)))  # type: ignore[arg-type]

    total = bill().total_cost.incl_vat
    assert f"OPEN {total:>33} EUR" in said()
    assert f"From the prepaid account {total:>13} EUR" in said(is_prepaid=True)
    assert "OPEN" not in said(payments=(payment(str(total)),))
    refunded = payment(str(total), refunded=Decimal("1.00"), state=PaymentState.TAKEN)
    assert f"OPEN {'1.00':>33} EUR" in said(payments=(refunded, payment("1.00", reverses="p-1")))
    assert "OPEN" in said(payments=(payment(state=PaymentState.PENDING), payment(state=PaymentState.VOIDED)))
    assert "This bill was credited by X-1." in said(credited_by="X-1")


def test_a_statement_as_csv_holds_no_formula() -> None:
    rows = statement_csv(head(), statement()).splitlines()
    assert rows[0] == "statement,contract_id,period,at,reason,ref,text,amount,currency"
    assert len(rows) == 5
    assert ",'=cash,-10.00,EUR" in rows[3]
    assert rows[4].endswith(",closing,,,5.50,EUR")


def test_usual_bills_have_no_empty_words() -> None:
    assert "None" not in as_text(page_of(head(), BillFacts(cdr=bill(USUAL))))
