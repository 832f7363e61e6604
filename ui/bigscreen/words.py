"""All words of the wall display, in each of its languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from protocols.terms import BalancePart, EvseState
from ui.bigscreen.sight import Trouble


class Language(StrEnum):
    """The display's languages; each is called by its own name."""

    ENGLISH = "en"
    CHINESE = "zh"

    @property
    def following(self) -> Language:
        """The next one, round and round."""
        languages = list(Language)
        return languages[(languages.index(self) + 1) % len(languages)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """One language. Words in braces are filled in; both languages must have the same ones."""

    language_name: str
    state: Mapping[EvseState, str]
    trouble: Mapping[Trouble, str]
    minutes: str
    battery: str
    up_to: str
    reserved_until: str
    leaving: str
    old_reading: str
    site_power: str
    balance: Mapping[BalancePart, str]
    page: str
    alarms: str
    no_evses: str
    connecting: str
    stale_since: str
    last_picture: str
    no_picture_yet: str
    uplink_lost: str
    uplink_lost_since: str
    goes_on: str
    backlog: str
    allows_unknown: str
    warning: str
    keys: str
    help_title: str
    help_keys: tuple[str, ...]
    help_states: str
    help_old: str
    help_close: str


WORDS: Final[Mapping[Language, Words]] = MappingProxyType(
    {
        Language.ENGLISH: Words(
            language_name="English",
            state=MappingProxyType(
                {
                    EvseState.FREE: "FREE",
                    EvseState.OCCUPIED: "OCCUPIED",
                    EvseState.CHARGING: "CHARGING",
                    EvseState.RESERVED: "RESERVED",
                    EvseState.FAULTED: "FAULTED",
                    EvseState.UNAVAILABLE: "UNAVAILABLE",
                    EvseState.OFFLINE: "OFFLINE",
                }
            ),
            trouble=MappingProxyType(
                {
                    Trouble.UNREACHABLE: "it cannot be reached ({detail})",
                    Trouble.CLOSED: "it closed the connection ({detail})",
                    Trouble.SILENT: "the connection is open but nothing is heard",
                    Trouble.TOKEN_REFUSED: "WRONG TOKEN: give the controller's own with --token-file ({detail})",
                    Trouble.TOKEN_FILE: "{detail}",
                    Trouble.REFUSED: "it refuses this display ({detail})",
                    Trouble.UNREADABLE: "its messages cannot be read; are display and controller of one version?",
                }
            ),
            minutes="{minutes} min",
            battery="{percent} %",
            up_to="up to {power}",
            reserved_until="until {time}",
            leaving="closes after this",
            old_reading="OLD READING",
            site_power="site power",
            balance=MappingProxyType(
                {
                    BalancePart.GRID: "grid",
                    BalancePart.PV: "sun",
                    BalancePart.BATTERY: "battery",
                    BalancePart.EVSES: "charging",
                    BalancePart.LOADS: "building",
                    BalancePart.REST: "other",
                }
            ),
            page="page {page}/{pages}",
            alarms="alarms: {count}",
            no_evses="This site has no charging points yet.",
            connecting="Connecting to {address}",
            stale_since="NO CONNECTION TO THE CONTROLLER since {at}",
            last_picture="last picture from {at}",
            no_picture_yet="no picture yet",
            uplink_lost="NO INTERNET",
            uplink_lost_since="NO INTERNET since {at}",
            goes_on="charging and billing go on",
            backlog="entries waiting to be sent: {count}",
            allows_unknown="COMMISSIONING: unknown charging stations are let in",
            warning="a message of the controller could not be read: {detail}",
            keys="q quit   l 中文   n/p page   ? help",
            help_title="Keys",
            help_keys=(
                "q        quit",
                "l        中文",
                "n →      next page",
                "p ←      page before",
                "?        this help",
            ),
            help_states="States",
            help_old="~ before a number: an old reading, not the present",
            help_close="any key goes back",
        ),
        Language.CHINESE: Words(
            language_name="中文",
            state=MappingProxyType(
                {
                    EvseState.FREE: "空闲",
                    EvseState.OCCUPIED: "占用",
                    EvseState.CHARGING: "充电中",
                    EvseState.RESERVED: "已预约",
                    EvseState.FAULTED: "故障",
                    EvseState.UNAVAILABLE: "停用",
                    EvseState.OFFLINE: "离线",
                }
            ),
            trouble=MappingProxyType(
                {
                    Trouble.UNREACHABLE: "无法连接（{detail}）",
                    Trouble.CLOSED: "控制器关闭了连接（{detail}）",
                    Trouble.SILENT: "连接仍在，但收不到数据",
                    Trouble.TOKEN_REFUSED: "令牌错误：请用 --token-file 指定控制器的令牌（{detail}）",
                    Trouble.TOKEN_FILE: "{detail}",
                    Trouble.REFUSED: "控制器拒绝本显示屏（{detail}）",
                    Trouble.UNREADABLE: "无法读取控制器的消息；显示屏与控制器版本是否一致？",
                }
            ),
            minutes="{minutes} 分钟",
            battery="{percent} %",
            up_to="最大 {power}",
            reserved_until="保留至 {time}",
            leaving="结束后停用",
            old_reading="旧读数",
            site_power="场站功率",
            balance=MappingProxyType(
                {
                    BalancePart.GRID: "电网",
                    BalancePart.PV: "光伏",
                    BalancePart.BATTERY: "储能",
                    BalancePart.EVSES: "充电",
                    BalancePart.LOADS: "建筑",
                    BalancePart.REST: "其他",
                }
            ),
            page="第 {page}/{pages} 页",
            alarms="告警：{count}",
            no_evses="本场站尚无充电桩。",
            connecting="正在连接 {address}",
            stale_since="与控制器失去连接，自 {at}",
            last_picture="最后画面 {at}",
            no_picture_yet="尚无画面",
            uplink_lost="互联网中断",
            uplink_lost_since="互联网中断，自 {at}",
            goes_on="充电和计费照常进行",
            backlog="待发送记录：{count}",
            allows_unknown="调试模式：允许未知充电桩接入",
            warning="控制器的一条消息无法读取：{detail}",
            keys="q 退出   l English   n/p 翻页   ? 帮助",
            help_title="按键",
            help_keys=(
                "q        退出",
                "l        English",
                "n →      下一页",
                "p ←      上一页",
                "?        本帮助",
            ),
            help_states="状态",
            help_old="数字前的 ~ 表示旧读数，并非当前值",
            help_close="按任意键返回",
        ),
    }
)
