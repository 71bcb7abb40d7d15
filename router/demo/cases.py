"""A list of all the special cases that channels bring, published within a few seconds."""

from collections.abc import Iterator

from router.demo.payloads import bounce, mail, sms, whatsapp, without_sender
from router.demo.samples import Crowd, Person
from router.flow.run.bus import Publication

_VIP = Person(name="Vera Importance", email="v.importance@bigcustomer.example", phone="+15550191001", user_id="vera")
_SPAMMER = Person(name="Best Offers", email="offers@spam.example", phone="+15550131001", user_id="spam")


def special_cases(crowd: Crowd, switcher: Person) -> Iterator[Publication]:
    """Yield what to publish, in order; `switcher` changes to another channel while the ticket is open."""
    hasty, away, doubled = crowd.person(), crowd.person(), sms(crowd.person().phone, "Where is my order 20881?")

    yield sms(switcher.phone, "Do you have this table in oak?")
    yield whatsapp(switcher.phone, "It is me again, with the table: does it come in oak?", name=switcher.name)

    yield sms(hasty.phone, "When do you open tomorrow?")
    yield sms(hasty.phone, "I mean the shop at the station")

    yield mail(_VIP, "Our order for the new office", "Twelve desks instead of ten, please. Is Thursday still possible?")
    yield sms(_VIP.phone, "Vera here. Can somebody call me about the desks?")

    yield doubled
    yield doubled

    yield without_sender("Who am I?")
    yield mail(away, "Out of office: Your parcel is on its way", "Back on Monday.", Auto_Submitted="auto-replied")
    yield bounce("newsletter-17@shop.example")
    yield mail(_SPAMMER, "You have won", "Click here to claim your prize.")
