"""What to do first, in French, by what was seen: for whoever is woken at three in the morning. Advice, never an order.

Steps that destroy traces (switching off, reinstalling) are nowhere here on purpose.
"""

from collections.abc import Iterable, Mapping

_ACCOUNT = (
    "Vérifier si une connexion a réussi après les échecs.",
    "Si oui : changer le mot de passe du compte et fermer ses sessions ouvertes.",
    "Bloquer l’adresse source au pare-feu si elle n’est pas des nôtres.",
)
_STEPS: Mapping[str, tuple[str, ...]] = {
    "t1486": (
        "Débrancher du réseau les machines touchées, sans les éteindre.",
        "Mettre les sauvegardes hors d’atteinte : débrancher, suspendre les tâches, ne rien restaurer encore.",
        "Appeler le responsable d’astreinte ; noter les heures et ce qui a été fait.",
    ),
    "t1490": (
        "Mettre les sauvegardes hors d’atteinte et vérifier la dernière copie saine.",
        "Débrancher du réseau la machine d’où vient l’ordre, sans l’éteindre.",
        "Chercher le même compte sur les autres serveurs.",
    ),
    "t1485": (
        "Débrancher du réseau la machine d’où viennent les suppressions, sans l’éteindre.",
        "Suspendre le compte qui les a faites.",
        "Vérifier la dernière sauvegarde saine avant toute restauration.",
    ),
    "t1110": _ACCOUNT,
    "t1078": (
        "Appeler la personne à qui appartient le compte : est-ce bien elle ?",
        "Si non, ou sans réponse : fermer les sessions et changer le mot de passe.",
        "Regarder ce que le compte a fait depuis l’heure indiquée.",
    ),
    "t1114": (
        "Supprimer la règle de transfert ou de tri, en garder une copie d’écran.",
        "Fermer les sessions du compte et changer son mot de passe.",
        "Chercher les messages envoyés depuis ce compte, surtout ceux qui parlent de RIB ou de paiement.",
    ),
    "t1505": (
        "Couper l’accès public au site touché ; garder le fichier déposé et les journaux.",
        "Chercher les autres fichiers écrits à la même heure.",
        "Changer les secrets que l’application pouvait lire.",
    ),
    "t1199": (
        "Appeler le prestataire au numéro du contrat : est-ce bien lui ?",
        "Si non, ou sans réponse : fermer son accès distant.",
        "Regarder ce que son compte a fait depuis l’heure indiquée.",
    ),
    "t1657": (
        "Faire suspendre le paiement ou le changement de RIB, dès l’ouverture du service financier.",
        "Rappeler le fournisseur à un numéro déjà connu, jamais à celui du message.",
    ),
    "impact": (
        "Débrancher du réseau les machines touchées, sans les éteindre.",
        "Vérifier quels services rendus aux habitants ne marchent plus.",
        "Appeler le responsable d’astreinte.",
    ),
    "exfiltration": (
        "Bloquer la destination au pare-feu.",
        "Fermer les sessions du compte, ou débrancher la machine sans l’éteindre.",
        "Noter quelles données ont pu sortir : le délégué à la protection des données en aura besoin.",
    ),
    "lateral-movement": (
        "Identifier la première machine touchée et la débrancher du réseau, sans l’éteindre.",
        "Changer le mot de passe du compte utilisé et fermer ses sessions.",
        "Chercher le même compte sur les autres machines.",
    ),
    "credential-access": _ACCOUNT,
    "defense-impairment": (
        "Vérifier qui a changé la protection, et si c’était prévu.",
        "La remettre en marche ; regarder ce qui s’est passé pendant la coupure.",
    ),
    "persistence": (
        "Vérifier auprès de son auteur si le changement était prévu.",
        "Sinon : le défaire après en avoir gardé la trace, et fermer les sessions du compte.",
    ),
    "privilege-escalation": (
        "Vérifier auprès de son auteur si le changement de droits était prévu.",
        "Sinon : retirer les droits, fermer les sessions, regarder ce qui a été fait avec.",
    ),
    "execution": (
        "Appeler la personne qui travaille sur la machine : que faisait-elle à cette heure ?",
        "Si rien ne l’explique : débrancher la machine du réseau, sans l’éteindre.",
    ),
    "command-and-control": (
        "Débrancher la machine du réseau, sans l’éteindre.",
        "Bloquer la destination au pare-feu ; chercher d’autres machines qui lui parlent.",
    ),
    "initial-access": (
        "Vérifier si la tentative a réussi : connexion acceptée, page servie, pièce ouverte.",
        "Bloquer l’adresse source au pare-feu si elle n’est pas des nôtres.",
    ),
}
_DEFAULT = (
    "Lire les premières traces ci-dessous : est-ce une activité prévue ?",
    "Appeler la personne ou le service concerné.",
    "En cas de doute, débrancher la machine du réseau sans l’éteindre et appeler le responsable d’astreinte.",
)


def first_steps(tags: Iterable[str]) -> tuple[str, ...]:
    """Return two or three sentences, from the ATT&CK tags of the rules that fired: the gravest act decides."""
    words = {tag.lower().removeprefix("attack.").replace("_", "-").partition(".")[0] for tag in tags}
    return next((steps for word, steps in _STEPS.items() if word in words), _DEFAULT)
