"""SMS: a short text with the link to the notice, through a gateway that speaks HTTP.

texts           what the text says, in the account's language; how many segments it takes
gateway         what every gateway does: one message in, one outcome out
channel         the channel: checks, patience, one message after another
twilio          Twilio's Messages API
twilio_events   Twilio's status callbacks: signature and meaning
"""
