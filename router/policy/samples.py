"""The tests beside a policy file: sample messages, and where each of them has to go."""

from typing import Annotated

from pydantic import Field, model_validator

from channels.message import Channel
from router.domain.triage import Complexity
from router.files.checked import read
from router.files.section import Section
from router.policy.fields import Language, Name, NotEmpty, SkillList, Target

Count = Annotated[int, Field(ge=0, le=20)]


class SampleMessage(Section):
    """What somebody writes."""

    channel: Channel = Field(Channel.EMAIL, description="How the message comes in.")
    sender: str = Field("", alias="from", description="The sender's address, number or user id; a stranger's if empty.")
    account: str = Field("", description="Our mailbox, number or page that it is sent to.")
    provider: str = Field("sample", description="Who carries the channel.")
    subject: str = Field("", description="The subject, where the channel has one.")
    text: str = Field("", description="What the message says.")
    language: Language | None = Field(None, description="The provider's hint; without it, the text decides.")
    attributes: dict[str, str] = Field({}, description="The integration's own attributes.")
    attachments: Count = Field(0, description="How many files come with it.")


class SampleCustomer(Section):
    """Who writes; without it, a stranger."""

    tier: Name | None = Field(None, description="The tier in the customer's record.")
    returning: bool = Field(False, description="Whether they have written before.")
    contacts_7d: Count = Field(0, description="Earlier contacts in the last 7 days.")
    reopened: Count = Field(0, description="How often their tickets were reopened.")
    open_tickets: Count = Field(0, description="How many of their tickets are open.")


class Expected(Section):
    """Where the message has to go; what is not named may be anything."""

    route: Name | None = Field(None, description="The route that decides.")
    queue: Name | None = Field(None, description="The queue where the ticket waits.")
    team: Name | None = Field(None, description="The team of that queue.")
    complexity: Complexity | None = Field(None, description="How triage judges the message.")
    language: Language | None = Field(None, description="The language that is recognised.")
    skills: SkillList | None = Field(None, description="The skills that the ticket asks for.")
    target: Target | None = Field(None, description="How soon it has to be answered.")

    @model_validator(mode="after")
    def _expects_something(self) -> "Expected":
        if not self.model_fields_set:
            raise ValueError(f"must name at least one of {', '.join(self.known_keys())}")
        return self


class PolicyTest(Section):
    """A message, and what the policy has to decide."""

    name: Annotated[str, NotEmpty] = Field(description="A sentence that says what the test is about.")
    message: SampleMessage = Field(description="What somebody writes.")
    customer: SampleCustomer = Field(SampleCustomer(), description="Who writes.")
    expect: Expected = Field(description="Where it has to go.")


class TestFile(Section):
    """The whole file."""

    tests: Annotated[tuple[PolicyTest, ...], NotEmpty] = Field(description="What to try.")


def parse_tests(text: str) -> tuple[PolicyTest, ...]:
    """Return the tests that the file holds. Raises `FileError` with every fault found."""
    return read(text, TestFile).tests
