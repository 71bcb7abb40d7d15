"""What thirty real mails say, written down by reading them: sender, recipients, subject, how the text starts, files."""

from typing import NamedTuple


class Expected(NamedTuple):
    sender: str
    recipients: tuple[str, ...]
    subject: str | None
    text: str
    files: tuple[str, ...] = ()


_37 = "jamis@37signals.com"
_MIKEL = "mikel@me.nowhere"
_KOREAN = Expected(
    _37,
    ("willard15georgina@jamis.backpackit.com",),
    "NOTE: 한국말로 하는 것",
    "대부분의 마찬가지로, 우리는 하나님을 믿습니다.",
)
_OUTLOOK = Expected(
    "email_test@me.nowhere", (_MIKEL,), "Testing outlook", "Hello\nThis is an outlook test\n\nSo there.\n\nMe."
)
_PLAIN = Expected(
    "test@lindsaar.net", ("raasdnil@gmail.com",), "Testing 123", "Plain email.\n\nHope it works well!\n\nMikel"
)
_PDF = Expected(
    "xxxx@xxxx.com",
    ("xxxx@xxxx.com",),
    "Another PDF with 🎉 Unicode chars in it 🍿",
    "Just attaching another PDF, here, to see what the message looks like,\n"
    "and to see if I can figure out what is going wrong here.",
    ("broken.pdf",),
)
_FORWARD = "We should not include these files or vcards as attachments.\n\n---------- Forwarded message ----------"

EXPECTED: dict[str, Expected] = {
    "attachment_emails--attachment_message_rfc822": Expected(
        "foo@example.com", ("blah@example.com",), "testing", "This is the first part.", ("ForwardedMessage.eml",)
    ),
    "attachment_emails--attachment_message_rfc822_inline_image": Expected(
        "test@example.com", ("foo@example.com",), "test", "", ("img.png", "Testmail.eml")
    ),
    "attachment_emails--attachment_pdf": _PDF,
    "attachment_emails--attachment_pdf_non_ascii": _PDF,
    "attachment_emails--attachment_pdf_non_ascii_lf": _PDF,
    "attachment_emails--attachment_with_base64_encoded_name": Expected(
        "xxxxxxxxx.xxxxxxx@gmail.com",
        ("xxxxx@xxxxxxxxx.com",),
        "Fwd: Signed email causes file attachments",
        _FORWARD,
        ("This is a test.pdf",),
    ),
    "attachment_emails--attachment_with_unquoted_name": Expected(
        "foo@example.com", ("blah@example.com",), "testing", "This is the first part.", ("This is a test.txt",)
    ),
    "error_emails--content_transfer_encoding_qp_with_space": Expected(
        "fyouizjnp@swissonline.ch",
        ("bait-passover@em.ca",),
        "Low or High Blood Pressure? We can help.",
        "If you're in need of a good RX site for online purchases, we are your answer.",
    ),
    "error_emails--content_transfer_encoding_text-html": Expected(
        "abhijit.862153drinnan@datavalet.com",
        ("cvs@bruce-guenter.dyndns.org", "rait@bruce-guenter.dyndns.org"),
        "Re: We will help you refinance your home.",
        "Hello,\n\nYou have qualified for the lowest rate in years.",
    ),
    "error_emails--content_transfer_encoding_x_uuencode": Expected(
        "lpeters@pacifier.com",
        ("rrga-l@list.rtowest.org",),
        "PGP Comments on RTO West Release of Dec. 14",
        "Attached are the comments of the Public Generating Pool.",
        ("PGP_Cmts_on_12-14-01_Pkg.doc",),
    ),
    "error_emails--empty_group_lists": Expected(
        "ceciledwards@sbcglobal.net", (), "Western Union Swift Money Transfer", "Attention Beneficiary:"
    ),
    "error_emails--header_fields_with_empty_values": Expected(
        "jorn@prikkprikkprikk.no", ("aftest@adfontesmedier.no",), "Testmail", "--\nJørn Støylen"
    ),
    "error_emails--invalid_subject_characters": Expected(
        "info@formacaofrenetik.info",
        ("martin@internet.ao", "iris@internet.ao", "support@maxnet.ao"),
        "Formação FrenetikPolis: Mega Campanha Final Verão | Cursos de Setembro",
        "TEST",
    ),
    "error_emails--multiple_references_with_one_invalid": Expected(
        "redacted@flashmail.net", ("redacted@enron.com",), "Redacted", "foo"
    ),
    "error_emails--trademark_character_in_subject": Expected(
        "j@yahoo-example.com",
        ("c@ra-example.com", "e-r-w-a-4462@app.ar.com", "leads@ga-example.com"),
        "GA.comô has a lead for you",
        "Body Text - not important",
    ),
    "error_emails--weird_to_header": Expected(
        "anonymous@i.tp.host", ("user-example@aol.com", "e-s-a-s-2200@app.ar.com"), None, "CONTACT:"
    ),
    "mime_emails--raw_email7": Expected(
        "foo@example.com",
        ("blah@example.com",),
        "testing",
        "This is the first part.",
        ("test.rb", "test.pdf", "smime.p7s"),
    ),
    "mime_emails--raw_email_with_illegal_boundary": _OUTLOOK,
    "mime_emails--raw_email_with_nested_attachment": Expected(
        _37,
        ("jamis@jamisbuck.org",),
        "Testing attachments",
        "Here is a test of an attachment via email.\n\n- Jamis",
        ("truncated.png", "smime.p7s"),
    ),
    "mime_emails--sig_only_email": Expected(
        "test@test.lindsaar.net",
        ("mikel@test.lindsaar.net",),
        "Re: Testing multipart/signed",
        "This is random text, not what has been signed below, ie, this sig\nemail is not signed correctly.",
        ("signature.asc",),
    ),
    "multi_charset--japanese": Expected("raasdnil@gmail.com", ("raasdnil@gmail.com",), "まみむめも", "かきくえこ"),
    "multi_charset--japanese_attachment_long_name": Expected(
        "mikel@test.lindsaar.net", ("raasdnil@gmail.com",), "まみむめも" * 10, "", ("かきくけこ" * 5 + ".txt",)
    ),
    "multi_charset--japanese_shift_jis": Expected(
        "xxxxxxx@docomo.ne.jp", ("unknown@example.com",), "test", "あいうえお\n\nこのメールはテスト用のメールです。"
    ),
    "multipart_report_emails--report_422": Expected(
        "mailer-daemon@tppppp.com.au",
        ("jennifer@sss.sssssss.net.au",),
        "Warning: could not send message for past 8 hours",
        "**********************************************",
        ("message.delivery-status", "text.rfc822-headers"),
    ),
    "plain_emails--basic_email": _PLAIN,
    "plain_emails--basic_email_lf": _PLAIN,
    "plain_emails--mix_caps_content_type": Expected(
        "bb@bug.com", ("rubymail@ruby-lang.org",), "undef method parameter bug", "foo bar"
    ),
    "plain_emails--raw_email": _KOREAN,
    "plain_emails--raw_email_double_at_in_header": _KOREAN,
    "plain_emails--raw_email_incorrect_header": Expected(
        "xxx@xxx.xxx", ("xxx@xxx.com",), "Stop adware/spyware once and for all.", "You are infected with:"
    ),
    "plain_emails--raw_email_quoted_with_0d0a": Expected(
        "foo@example.com", ("blah@example.com",), "testing", "A fax has arrived from remote ID ''."
    ),
    "plain_emails--raw_email_reply": Expected(
        "xxxxxxxx@xxx.org", ("mikel@xxxx.net",), "Re: Test reply email", "Message body"
    ),
    "rfc2822--example07": Expected(
        "jdoe@machine.example", ("smith@home.example",), "Re: Saying Hello", "This is a reply to your reply."
    ),
    "rfc2822--example10": Expected(
        "pete@silly.test", ("c@public.example", "joe@example.org", "jdoe@one.test"), None, "Testing."
    ),
    "rfc2822--example11": Expected(
        "john.q.public@example.com", ("mary@example.net", "jdoe@test.example"), None, "Hi everyone."
    ),
    "rfc2822--example14": Expected("atsushi@example.com", ("rudeboyjet@gmail.com",), "Re: TEST テストテスト", "Hello"),
    "rfc6532--utf8_headers": Expected(
        "jdöe@xn--mchine-bua.example", ("märy@xn--exmple-cua.net",), "Säying Hello", "body"
    ),
}
