"""The services in the order a town hall thinks of them: domains of a few services each."""

from collections.abc import Mapping

#: Domain → services of the catalogue; what stands nowhere is under ``OTHER``.
DOMAINS: Mapping[str, tuple[str, ...]] = {
    "Population et état civil": (
        "ec-naissances", "ec-deces", "ec-mariages", "ec-copies", "titres-identite", "population", "elections", "cimetieres",
    ),
    "Solidarité, enfance, école": (
        "ccas-aide", "ccas-seniors", "petite-enfance", "scolaire", "periscolaire-restauration", "logement",
    ),
    "Sécurité et secours": ("alerte-pcs", "police-municipale", "videoprotection", "stationnement", "hygiene-securite-erp"),
    "Eau, rue et bâtiments": (
        "eau-potable", "assainissement", "dechets", "eclairage", "feux", "batiments-gtb", "acces-batiments", "voirie-technique",
    ),
    "Accueil et relation aux habitants": (
        "accueil-standard", "courrier", "site-web", "portail-demarches", "bibliotheques", "sports-culture",
    ),
    "Urbanisme": ("urbanisme-ads", "foncier-dia"),
    "Finances, agents, assemblées": (
        "finances", "regies-facturation", "rh-paie", "rh", "marches", "assemblees-actes", "archives",
    ),
    "Informatique (fondations)": ("identite", "messagerie", "reseau", "sauvegarde", "postes"),
}  # fmt: skip
OTHER = "Autres services"
_OF = {service: domain for domain, services in DOMAINS.items() for service in services}


def domain_of(service: str) -> str:
    """Return the domain a service is shown under."""
    return _OF.get(service, OTHER)
