# ruff: noqa: RUF001 - names stand in their own scripts
"""The made-up people behind the leads.

The seed and a number alone determine a person. Numbers walk through the names with a stride that is coprime to their
count. So neighbours look unrelated, and a name repeats only after all others.
"""

import random
from dataclasses import dataclass
from functools import cache

LATIN_FIRST = (
    "Mara Noor Leo Ines Tomas Freya Amara Jonas Priya Kofi Elif Mateo Sanne Yusuf Clara Dmitri Aiko Nils Zara Hugo "
    "Lucia Omar Petra Kwame Maeve Arjun Lena Rafael Ingrid Tariq Nadia Emil Sofia Bram Thandi Oskar Leila Marco Hana Femi"
)
LATIN_LAST = (
    "Oduya Larsen Okafor Novak Haddad Silva Brandt Mensah Rossi Lund Keller Ferro Adeyemi Costa Moreau Lindqvist Banerjee "
    "Kaya Duarte Visser Quinn Petrov Ibarra Nkosi Falk Marin Osei Weber Sato Rinaldi Holm Castro Yilmaz Bauer Abebe Drake"
)
# Each script: order of a name, given names and family names with their ASCII form.
OTHER_SCRIPTS: tuple[tuple[str, dict[str, str], dict[str, str]], ...] = (
    (
        "{last} {first}",
        {"美咲": "misaki", "健太": "kenta", "陽菜": "hina", "翔": "sho", "結衣": "yui", "大輔": "daisuke"},
        {"田中": "tanaka", "鈴木": "suzuki", "山本": "yamamoto", "小林": "kobayashi", "森": "mori"},
    ),
    (
        "{first} {last}",
        {"Олена": "olena", "Андрій": "andriy", "Ірина": "iryna", "Тарас": "taras", "Дарина": "daryna"},
        {"Коваль": "koval", "Мельник": "melnyk", "Бондар": "bondar", "Шевчук": "shevchuk", "Ткач": "tkach"},
    ),
    (
        "{first} {last}",
        {"ليلى": "layla", "عمر": "umar", "نور": "nour", "يوسف": "youssef", "سلمى": "salma"},
        {"حداد": "haddad", "منصور": "mansour", "خوري": "khoury", "ناصر": "nasser", "سعيد": "said"},
    ),
    (
        "{last}{first}",
        {"서연": "seoyeon", "민준": "minjun", "지우": "jiwoo", "하은": "haeun", "도윤": "doyun"},
        {"김": "kim", "박": "park", "최": "choi", "정": "jung", "강": "kang"},
    ),
    (
        "{first} {last}",
        {"अनन्या": "ananya", "रोहन": "rohan", "मीरा": "meera", "विक्रम": "vikram", "काव्या": "kavya"},
        {"शर्मा": "sharma", "मेहता": "mehta", "राव": "rao", "जोशी": "joshi", "नायर": "nair"},
    ),
    (
        "{first} {last}",
        {"Ελένη": "eleni", "Νίκος": "nikos", "Δάφνη": "dafni", "Γιάννης": "giannis"},
        {"Βλάχος": "vlachos", "Παππάς": "pappas", "Ρήγας": "rigas", "Κόκκινος": "kokkinos"},
    ),
)

BIOS = {
    "founder": (
        "Building {product}, a small tool for {niche}. {revenue} MRR and one very patient dog.",
        "Solo founder of {product}. Shipping small dev tools from {place}.",
        "Ex-{company}, now full time on {product}. I answer support myself.",
        "Two founders, no funding, {product} for {niche}. Writing about pricing.",
        "{product} · {niche} · day {day} of building in public",
    ),
    "advocate": (
        "Developer advocate at {company}. Talks, demos, and too many stickers.",
        "I write docs people finish. DevRel at {company}, {place}.",
        "Teaching {niche} to anyone who will listen. Host of the {product} podcast.",
        "Community at {company}. Ask me about {niche}, or about sourdough.",
    ),
    "designer": (
        "Design engineer at {company}. I prototype in the browser.",
        "Type, motion, and {niche}. Made {product} on weekends.",
        "Designer who ships. {company}, {place}. Opinions on easing curves.",
        "Freelance interfaces for {niche}. Booked until spring.",
    ),
    "data": (
        "Data engineer at {company}: {niche}, mostly before coffee.",
        "SQL first, dashboards second. Maintainer of {product}.",
        "One-person data team, {place}. Pipelines for {niche}.",
        "Staff data engineer, {company}. Runs on dbt and long walks.",
    ),
}
WORDS = {
    "product": "Tidepool Fernwood Inkwell Lanternly Pebble Quillbase Harbourlog Mossgrid Kitebox Plumbline Saltbush Owlpost",
    "company": "Northwind Contoso Tailspin Fabrikam Wingtip Litware Proseware Adatum Lucerne Relecloud",
    "place": "Lisbon Lagos Tallinn Porto Medellín Nairobi Osaka Ghent Kraków Tbilisi Halifax Pune",
    "niche": "webhooks,changelogs,API docs,feature flags,observability,local-first apps,email deliverability,"
    "billing,background jobs,type systems,accessibility,open source licences",
    "revenue": "$900 $2.4k $4k $7.5k $11k $18k",
    "day": "41 97 128 212 300 365",
}
STRIDE = 10_007  # a prime larger than any factor of the number of names


@dataclass(frozen=True, slots=True)
class Person:
    """An X profile, and the contact data that enriching can find.

    Attributes:
        x_user_id: Digits, unique.
        email: None if a look-up finds nothing.
        email_status: `verified`, or `unverified` if only `email_mode=any` finds the email.
        linkedin: None if a look-up finds nothing.
    """

    x_user_id: str
    handle: str
    name: str
    followers: int
    bio: str
    email: str | None
    email_status: str
    linkedin: str | None

    @property
    def image(self) -> str:
        """Address of the profile picture."""
        return f"https://pbs.twimg.com/profile_images/{self.x_user_id}/{self.handle}.jpg"


def draw(seed: int, *names: object) -> random.Random:
    """Return random numbers that depend only on the seed and on these names of their purpose."""
    return random.Random("/".join(map(str, (seed, *names))))  # noqa: S311 - data that repeats, not secrets


def person(seed: int, number: int, theme: str, contact_rate: float) -> Person:
    """Return the person of a number. `theme` picks the bio; `contact_rate` is the chance of contact data."""
    names = _names()
    chance = draw(seed, "person", number)
    name, first, last = names[(number * STRIDE + seed) % len(names)]
    wave = number // len(names)
    suffix = str(wave + 1) if wave else ""
    words = {slot: chance.choice(texts) for slot, texts in _words().items()}
    handles = (f"{first}_{last}", f"{first}{last}", f"{last}_{first}", f"{first}{last}_", f"its{first}{last}")
    return Person(
        x_user_id=str(1_000_000_000 + (number * 2_654_435_761 + seed) % 8_999_999_993),
        handle=chance.choice(handles) + suffix,
        name=name,
        followers=round(10 ** chance.uniform(2.1, 4.8)),
        bio=chance.choice(BIOS[theme]).format(**words),
        email=f"{first}.{last}{suffix}@{words['product'].lower()}.example"
        if chance.random() < contact_rate
        else None,
        email_status="verified" if chance.random() < 0.75 else "unverified",  # noqa: PLR2004 - a plausible share
        linkedin=f"https://linkedin.com/in/{first}-{last}{suffix}"
        if chance.random() < contact_rate
        else None,
    )


@cache
def _names() -> tuple[tuple[str, str, str], ...]:
    latin = [
        (f"{first} {last}", first.lower(), last.lower())
        for first in LATIN_FIRST.split()
        for last in LATIN_LAST.split()
    ]
    other = [
        (order.format(first=first, last=last), first_ascii, last_ascii)
        for order, firsts, lasts in OTHER_SCRIPTS
        for first, first_ascii in firsts.items()
        for last, last_ascii in lasts.items()
    ]
    return (*latin, *other)


@cache
def _words() -> dict[str, list[str]]:
    return {slot: text.split("," if "," in text else None) for slot, text in WORDS.items()}
