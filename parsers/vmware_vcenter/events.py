"""What the type of a vCenter event means, and the machine and host that its text names."""

import polars as pl

__all__ = ["CATEGORIES", "DONE", "FAILED", "SSO", "TYPES", "machine", "server"]

#: Category → regex of the types it holds, the first that fits.
CATEGORIES = {
    "authentication": r"Session|Login|Logon|Logout|NoAccessUser|BadUsername|AlreadyAuthenticated|Token|Authn",
    "iam": r"Account|Permission|Role|UserAssigned|UserUnassigned|PasswordChange|UserUpgrade|Principal|Privilege|"
    r"Group(?:Created|Deleted)",
    "configuration": r"Reconfigur|ConfigChange|SettingsChange|Firewall|Lockdown|LicenseE|Certificate|IdentitySource|Ldap|"
    r"Policy",
    "file": r"DatastoreFile",
    "host": r"",
}
#: Event type → regex of the types it holds, the first that fits.
TYPES = {
    "creation": r"Added|Created|Deployed|Cloned|Registered|Assigned",
    "deletion": r"Removed|Deleted|Destroyed|Unregistered|Unassigned|Discard",
    "change": r"Updated|Reconfigured|Changed|Renamed|Migrated|Relocated|Moved|Reset|ConfigChange|Edited|Disabled|Enabled|"
    r"Management",
    "start": r"PoweredOn|Started|Login|BadUsername|NoAccessUser|HostConnected|Resumed|Logon",
    "end": r"PoweredOff|Shutdown|Logout|Suspended|Stopped|Disconnected|Terminated|ShutDown|Logoff|Reboot|Standby",
    "error": r"Fail|Lost|Error|NotResponding",
    "info": r"",
}
#: Event types that say something was done.
DONE = ("creation", "deletion", "change", "start", "end")
#: Types that say something did not work.
FAILED = r"(?i)Fail|BadUsername|NoAccessUser|Invalid|Error|Cannot|Denied|Lost|NotResponding"
#: Types of single sign-on.
SSO = r"^(?:Login|Logout|Principal|Token)"

_BEFORE = (
    r"Virtual machine|Guest OS (?:shut down|reboot|standby) for|Removed|Removing|Created virtual machine|Creating|Reconfigured|"
    r"Reconfiguring|Migrating|Migrated|Relocating|Registered|Unregistered|Suspended|Reset|Cloning|Deploying|Starting|"
    r"Failed to power (?:on|off)|Cannot power (?:on|off|On|Off)|Cannot shut down the guest OS for|Renamed|Powered (?:on|"
    r"off)|Task: .*? on"
)
_MACHINE = rf"^(?:(?:{_BEFORE}) )?(.+?) (?:on|was migrated|was removed|is cloned|was cloned|has been|to be relocated|from|,)"
_HOST = r" (?:on|from) +(?:host )?([A-Za-z0-9][A-Za-z0-9.:_-]*?)(?:,| in |\.? |\.?$)"


def machine(kind: pl.Expr, said: pl.Expr) -> pl.Expr:
    """Return the virtual machine that the text of a ``Vm…`` event names."""
    is_about_one = kind.str.contains(r"^(?:Vm|DrsVm|CustomizationS|MigrationE)")
    return pl.when(is_about_one).then(said.str.extract(_MACHINE).str.strip_chars())


def server(kind: pl.Expr, said: pl.Expr) -> pl.Expr:
    """Return the ESXi host that the text of an event about a machine or a host names."""
    return pl.when(kind.str.contains(r"^(?:Vm|Host|Das|Drs|Enter|Exit|EventEx)")).then(said.str.extract(_HOST))
