"""What the demo's two businesses deal in: models, auctions, ships, ports, customers and suppliers."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Model:
    """A model as the trade speaks of it, and the years it is bought in."""

    name: str
    from_year: int
    to_year: int


@dataclass(frozen=True, slots=True)
class Trade:
    """
    One business's world. Everything it buys goes from *departs* by one of *vessels* to *arrives*.

    *to_britain* tells which country's papers and offices it has to do with.
    """

    to_britain: bool
    models: tuple[Model, ...]
    chassis: tuple[str, ...]
    auctions: tuple[str, ...]
    yards: tuple[str, ...]
    departs: tuple[str, ...]
    arrives: tuple[str, ...]
    vessels: tuple[str, ...]
    containers: tuple[str, ...]
    suppliers: tuple[tuple[str, str], ...]
    businesses: tuple[str, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    papers_of_purchase: tuple[str, ...]
    papers_of_passage: tuple[str, ...]
    papers_of_arrival: tuple[str, ...]
    test_stations: tuple[str, ...]

    def a_model(self, rng: random.Random) -> str:
        """Name a vehicle: "2020 Honda Stepwgn Spada"."""
        model = rng.choice(self.models)
        return f"{rng.randint(model.from_year, model.to_year)} {model.name}"

    def a_chassis_number(self, rng: random.Random) -> str:
        return f"{rng.choice(self.chassis)}-{rng.randint(1_000_000, 9_999_999)}"

    def a_customer(self, rng: random.Random) -> tuple[str, bool]:
        """Name a customer, and tell if it is a business."""
        if rng.random() < 0.35:
            return f"{rng.choice(self.last_names)} {rng.choice(self.businesses)}", True
        return f"{rng.choice(self.first_names)} {rng.choice(self.last_names)}", False


JAPAN_TO_BRITAIN = Trade(
    to_britain=True,
    models=(
        Model("Toyota Alphard 3.5 SC", 2017, 2023),
        Model("Toyota Vellfire Z", 2016, 2023),
        Model("Toyota Noah Si", 2018, 2023),
        Model("Toyota Voxy ZS", 2017, 2022),
        Model("Toyota Hiace Super GL", 2016, 2023),
        Model("Toyota Estima Aeras", 2014, 2019),
        Model("Toyota Land Cruiser Prado TX", 2016, 2022),
        Model("Honda Stepwgn Spada", 2017, 2023),
        Model("Honda Freed G", 2017, 2023),
        Model("Honda Odyssey Absolute", 2015, 2021),
        Model("Nissan Elgrand Highway Star", 2015, 2022),
        Model("Nissan Serena e-Power", 2018, 2023),
        Model("Nissan Caravan GX", 2017, 2023),
        Model("Nissan NV200 Vanette", 2016, 2022),
        Model("Mazda Bongo Brawny", 2014, 2022),
        Model("Mitsubishi Delica D:5", 2014, 2022),
        Model("Suzuki Every Wagon", 2016, 2023),
        Model("Suzuki Jimny XC", 2018, 2023),
        Model("Daihatsu Hijet Cargo", 2016, 2023),
        Model("Subaru Levorg GT-S", 2016, 2021),
    ),
    chassis=("AGH30W", "ZRR80W", "GDH206V", "RP5", "PE52", "C27", "E26", "CV1W", "DA17W", "JB64W", "S331V", "VM4"),
    auctions=(
        "USS Yokohama",
        "USS Tokyo",
        "USS Nagoya",
        "USS Osaka",
        "TAA Kinki",
        "TAA Kanto",
        "JU Saitama",
        "ARAI Oyama",
        "HAA Kobe",
        "CAA Chubu",
    ),
    yards=("Bristol yard", "Southampton yard", "Avonmouth compound"),
    departs=("Yokohama", "Kawasaki", "Nagoya", "Kobe"),
    arrives=("Southampton", "Bristol Portbury", "Newcastle"),
    vessels=(
        "MV Höegh Trapper",
        "MV Morning Cara",
        "MV Grand Pioneer",
        "MV Asian Majesty",
        "MV Tranquil Ace",
        "MV Global Leader",
        "MV Viking Amber",
    ),
    containers=("TGHU", "MSKU", "NYKU", "TCLU"),
    suppliers=(
        ("Kanto Auto Logistics K.K.", "inland carrier"),
        ("Yokohama Vanning Service", "container packer"),
        ("Tokai Preshipment Inspection", "inspection agent"),
        ("Bristol IVA Services", "test centre"),
        ("Solent Vehicle Haulage", "haulier"),
        ("Portbury Valeting", "valeter"),
        ("Severn Customs Brokers", "customs broker"),
        ("Tyne Dock Storage", "storage yard"),
        ("Wessex Auto Electrical", "workshop"),
        ("Avon Number Plates", "plate maker"),
        ("Marubeni Forwarding Kobe", "forwarder"),
        ("Mendip Underseal", "workshop"),
        ("Channel Marine Surveyors", "surveyor"),
        ("Chugoku Deregistration Office", "agent"),
        ("Hanshin Bonded Yard", "storage yard"),
        ("Cotswold Camper Conversions", "converter"),
        ("Redcliffe Translations", "translator"),
        ("Itchen Tyres", "tyre fitter"),
        ("Nippon Auction Agents", "auction agent"),
        ("Clifton Vehicle Finance", "finance house"),
    ),
    businesses=(
        "Campers Ltd",
        "Overland",
        "Motor Company",
        "Van Sales",
        "Leisure Vehicles",
        "Taxis",
        "Mobility",
        "4x4",
    ),
    first_names=(
        "Amara",
        "Jonathan",
        "Ruth",
        "Piotr",
        "Gemma",
        "Hassan",
        "Eleanor",
        "Dafydd",
        "Siobhan",
        "Winston",
        "Leila",
        "Graham",
        "Chidi",
        "Moira",
        "Tariq",
        "Beatrix",
        "Owen",
        "Sunita",
        "Fergus",
        "Zoë",
    ),
    last_names=(
        "Diallo",
        "Whitcombe",
        "Ashdown",
        "Kowalski",
        "Prentice",
        "Rahman",
        "Fairweather",
        "Llewellyn",
        "O’Rourke",
        "Campbell",
        "Haddad",
        "Thackeray",
        "Eze",
        "MacInnes",
        "Mahmood",
        "Quayle",
        "Penrose",
        "Iyer",
        "Drummond",
        "Hargreaves",
        "Peak",
        "Tamar",
        "Quantock",
        "Holloway",
    ),
    papers_of_purchase=("auction sheet", "export certificate", "commercial invoice"),
    papers_of_passage=("bill of lading", "pre-shipment inspection report"),
    papers_of_arrival=("customs entry", "NOVA declaration", "V55/5 form"),
    test_stations=("Avonmouth", "Exeter", "Southampton Northam", "Gillingham"),
)

EUROPE_TO_JAPAN = Trade(
    to_britain=False,
    models=(
        Model("Land Rover Defender 110", 2012, 2016),
        Model("Mini Cooper 1.3i", 1992, 2000),
        Model("Jaguar F-Type R", 2015, 2021),
        Model("Morgan Plus Four", 2019, 2023),
        Model("Lotus Elise Sport 220", 2016, 2021),
        Model("Mercedes-Benz G 350 d", 2016, 2022),
        Model("Porsche 911 Carrera S", 2014, 2022),
        Model("Volkswagen T6 California", 2016, 2022),
        Model("BMW M2 Competition", 2018, 2021),
        Model("Caterham Seven 170", 2018, 2023),
    ),
    chassis=("SALLDHMP", "SAXXNNAX", "SAJAA6D", "WDB4633", "WP0ZZZ99", "WV2ZZZ7H", "WBS2U72"),
    auctions=("BCA Blackbushe", "Manheim Bristol", "Silverstone Auctions", "Autobid Hamburg", "BCA Neuss"),
    yards=("Nanko yard", "Sakai workshop"),
    departs=("Southampton", "Bremerhaven", "Tilbury"),
    arrives=("Osaka", "Kobe"),
    vessels=("MV Grand Pioneer", "MV Emerald Leader", "MV Tranquil Ace"),
    containers=("ONEU", "NYKU", "HLXU"),
    suppliers=(
        ("Nanko Customs Agency", "customs broker"),
        ("Sakai Coachworks", "workshop"),
        ("Hamburg Classic Transport", "haulier"),
        ("Tilbury Vanning", "container packer"),
        ("Kinki Emissions Laboratory", "test centre"),
        ("Solent Vehicle Haulage", "haulier"),
        ("Minato Storage", "storage yard"),
        ("Kansai Plate Service", "plate maker"),
    ),
    businesses=("Classics", "Garage", "Motors", "Collection"),
    first_names=("Haruto", "Yui", "Ren", "Sakura", "Daichi", "Mio", "Takumi", "Aoi", "Kaito", "Nanami"),
    last_names=(
        "Nakamura",
        "Kobayashi",
        "Yoshida",
        "Matsumoto",
        "Inoue",
        "Kimura",
        "Hayashi",
        "Shimizu",
        "Mori",
        "Abe",
    ),
    papers_of_purchase=("V5C logbook", "commercial invoice", "certificate of conformity"),
    papers_of_passage=("bill of lading", "marine insurance certificate"),
    papers_of_arrival=("customs declaration", "emissions test report", "import approval"),
    test_stations=("Naniwa", "Izumi"),
)
