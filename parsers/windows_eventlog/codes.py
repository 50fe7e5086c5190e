"""Codes of Windows events in words: message ids (``%%nnnn``), logon failures, Kerberos status, audit keywords."""

import re

__all__ = ["AUDIT_FAILURE", "AUDIT_SUCCESS", "FAILURES", "KERBEROS", "KEYWORD_TEXTS", "MESSAGES", "decoded_words"]

AUDIT_SUCCESS = 0x0020000000000000
AUDIT_FAILURE = 0x0010000000000000

#: Keywords that arrive as words (winlogbeat, in the language of the machine) → the bits they stand for.
KEYWORD_TEXTS = {
    "audit success": 0x8020000000000000,
    "audit failure": 0x8010000000000000,
    "succès de l'audit": 0x8020000000000000,
    "échec de l'audit": 0x8010000000000000,
    "classic": 0x80000000000000,
    "classique": 0x80000000000000,
}

# What message ids of msobjs.dll stand for, in English: the language of rules.
_ACCESS_RIGHTS = """
1537 DELETE|1538 READ_CONTROL|1539 WRITE_DAC|1540 WRITE_OWNER|1541 SYNCHRONIZE|1542 ACCESS_SYS_SEC|1543 MAX_ALLOWED
4416 ReadData|4417 WriteData|4418 AppendData|4419 ReadEA|4420 WriteEA|4421 Execute/Traverse|4422 DeleteChild
4423 ReadAttributes|4424 WriteAttributes|4432 Query key value|4433 Set key value|4434 Create sub-key
4435 Enumerate sub-keys|4436 Notify about changes to keys|4437 Create Link
4480 Force process termination|4481 Create new thread in process|4482 Set process session ID
4483 Perform virtual memory operation|4484 Read from process memory|4485 Write to process memory
4486 Duplicate handle into or out of process|4487 Create a subprocess of process|4488 Set process quotas
4489 Set process information|4490 Query process information
5392 ReadPasswordParameters|5393 WritePasswordParameters|5394 ReadOtherParameters|5395 WriteOtherParameters
5396 CreateUser|5397 CreateGlobalGroup|5398 CreateLocalGroup|5399 GetLocalGroupMembership|5400 ListAccounts
7680 Create Child|7681 Delete Child|7682 List Contents|7683 Write Self|7684 Read Property|7685 Write Property
7686 Delete Tree|7687 List Object|7688 Control Access
1801 Granted by|1802 Denied by|1803 Denied by Integrity Policy check|1804 Granted by Ownership|1805 Not granted
1806 Granted by NULL DACL|1807 Denied by Empty DACL|1808 Granted by NULL Security Descriptor
1811 Granted by ACE on parent folder|1812 Denied by ACE on parent folder
"""
_STATES = """
1793 <value not set>|1794 <never>|1795 Enabled|1796 Disabled|1797 All|1798 None
1832 Identification|1833 Impersonation|1834 Delegation|1840 Delegation|1842 Yes|1843 No|1844 System
1872 REG_NONE|1873 REG_SZ|1874 REG_EXPAND_SZ|1875 REG_BINARY|1876 REG_DWORD|1879 REG_MULTI_SZ|1883 REG_QWORD
1904 New registry value created|1905 Existing registry value modified|1906 Registry value deleted
1936 TokenElevationTypeDefault|1937 TokenElevationTypeFull|1938 TokenElevationTypeLimited
8448 Success removed|8449 Success added|8450 Failure removed|8451 Failure added
14592 Inbound|14593 Outbound|14608 Resource Assignment|14609 Listen|14610 Receive/Accept|14611 Connect
14674 Value Added|14675 Value Deleted
"""
_ACCOUNT_CONTROL = """
2048 Account Disabled|2050 Password Not Required|2051 Temp Duplicate Account|2052 Normal Account
2055 Workstation Trust Account|2056 Server Trust Account|2057 Don't Expire Password|2058 Account Unlocked
2059 Encrypted Text Password Allowed|2060 Smartcard Required|2061 Trusted For Delegation|2062 Not Delegated
2063 Use DES Key Only|2064 Don't Require Preauth|2065 Password Expired|2066 Trusted To Authenticate For Delegation
2080 Account Enabled|2082 Password Required|2084 Not Normal Account|2089 Password Expires|2090 Account Locked
2093 Not Trusted For Delegation|2094 Delegated|2096 Require Preauth|2098 Not Trusted To Authenticate For Delegation
"""
_LOGON_FAILURES = """
2304 An error occurred during logon|2305 Account expired|2306 Netlogon not active|2307 Account locked out
2308 Logon type not granted|2309 Password expired|2310 Account disabled|2311 Outside permitted hours
2312 Workstation not permitted|2313 Unknown user name or bad password
"""

_FAILURE_CODES = """
0xc0000064 unknown user|0xc000006a wrong password|0xc000006d bad user name or password|0xc000006e account restriction
0xc000006f outside permitted hours|0xc0000070 workstation not permitted|0xc0000071 password expired
0xc0000072 account disabled|0xc00000dc server in the wrong state|0xc0000133 clock skew
0xc000015b logon type not granted|0xc000018c trust failed|0xc0000192 netlogon not started|0xc0000193 account expired
0xc0000224 password must change|0xc0000234 account locked out|0xc0000371 no secret locally|0xc0000388 downgrade detected
0xc0000413 authentication firewall
"""
_KERBEROS_CODES = """
0x6 client unknown|0x7 service unknown|0x9 null key|0xc policy|0xe encryption not supported
0x10 pre-authentication type unsupported|0x12 account disabled, expired or locked out|0x17 password expired
0x18 wrong password|0x19 pre-authentication required|0x1f integrity check failed|0x20 ticket expired|0x22 replay
0x25 clock skew|0x29 message modified|0x3c generic error|0x44 wrong realm
"""

_MESSAGE_ID = re.compile(r"%%(\d+)")
_SEPARATORS = re.compile(r"[\r\n\t,;]+")


def _table(text: str) -> dict[str, str]:
    pairs = (pair.partition(" ") for line in text.strip().splitlines() for pair in line.split("|"))
    return {code: meaning for code, _, meaning in pairs}


#: ``%%nnnn`` without the signs → what it stands for.
MESSAGES = {**_table(_ACCESS_RIGHTS), **_table(_STATES), **_table(_ACCOUNT_CONTROL), **_table(_LOGON_FAILURES)}

#: NTSTATUS of a refused logon (4625, 4776), lower case → why.
FAILURES = _table(_FAILURE_CODES)

#: Kerberos status (4768, 4769, 4771), lower case → why.
KERBEROS = _table(_KERBEROS_CODES)


def decoded_words(text: str) -> list[str]:
    r"""Return the members of a list text (``%%4416\r\n\t\t%%4417``) in words; ids that are not known stay ids."""
    members = (member.strip() for member in _SEPARATORS.split(text))
    return [_MESSAGE_ID.sub(lambda found: MESSAGES.get(found[1], found[0]), member) for member in members if member.strip("-")]
