"""A list of all the special cases that channels bring, published within a few seconds."""

from collections.abc import Iterator
from random import Random

from router.demo.payloads import bounce, mail, sms, whatsapp, without_sender
from router.demo.samples import Crowd, Person
from router.flow.run.bus import Publication

_VIP = Person(name="Vera Importance", email="v.importance@bigcustomer.example", phone="+15550191001", user_id="vera")
_SPAMMER = Person(name="Best Offers", email="offers@spam.example", phone="+15550131001", user_id="spam")


# what somebody asks first, and then again on another channel
_SWITCHES = (
    ("Do you have this table in oak?", "It is me again, with the table: does it come in oak?"),
    ("Is the desk lamp in stock again?", "I just asked about the desk lamp. Is there a date?"),
    ("Can I pick up order 20417 today?", "Me again, about order 20417: is it ready at the shop?"),
    ("Do you take old sofas away?", "About my old sofa: would you take it with you on delivery?"),
)
_HASTY = (
    ("When do you open tomorrow?", "I mean the shop at the station"),
    ("Is there parking?", "For a van, that is"),
    ("Can I change my address?", "It is about order 20881"),
)
_DESKS = (
    ("Our order for the new office", "Twelve desks instead of ten, please. Is Thursday still possible?"),
    ("Chairs for the canteen", "We need forty more of the same chairs. When could they be here?"),
)
_TWICE = ("Where is my order 20881?", "Has my parcel left yet?", "Is my return there?")


def special_cases(crowd: Crowd, switcher: Person, random: Random) -> Iterator[Publication]:
    """Yield what to publish, in order; `switcher` changes to another channel while the ticket is open."""
    hasty, away, doubled = crowd.person(), crowd.person(), sms(crowd.person().phone, random.choice(_TWICE))

    first, again = random.choice(_SWITCHES)
    if random.random() < 0.5:
        yield sms(switcher.phone, first)
        yield whatsapp(switcher.phone, again, name=switcher.name)
    else:
        yield whatsapp(switcher.phone, first, name=switcher.name)
        yield sms(switcher.phone, again)

    for text in random.choice(_HASTY):
        yield sms(hasty.phone, text)

    subject, text = random.choice(_DESKS)
    yield mail(_VIP, subject, text)
    yield sms(_VIP.phone, "Vera here. Can somebody call me about it?")

    yield doubled
    yield doubled

    yield without_sender("Who am I?")
    yield mail(away, "Out of office: Your parcel is on its way", "Back on Monday.", Auto_Submitted="auto-replied")
    yield bounce("newsletter-17@shop.example")
    yield mail(_SPAMMER, "You have won", "Click here to claim your prize.")
