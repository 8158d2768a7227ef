"""What providers report by webhook: taken in at the door, kept raw, interpreted afterwards.

door        the views: verify, store, answer
providers   django-anymail's own webhook views, which verify and parse; one per provider and purpose
sns         the signature of Amazon's messages, which Anymail does not check
freshness   age and single use of Mailgun's signatures
meaning     pure: what a provider's event is evidence of
readings    one event in our terms, with its idempotency key
matching    which delivery an event is about
recording   events into evidence, in bulk; what raises is set apart
interpreting, waiting, mail   the tasks
"""
