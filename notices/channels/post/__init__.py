"""Post: a print queue of PDF letters, handed to a print shop in batches; what carriers report comes back as a file.

structure   a notice's HTML as a tree of paragraphs, lists and words: data for the typesetter, never markup
words       what a letter says besides the notice, by language
setting     a frozen notice and an address, set as a letter
channel     the channel: a delivery becomes a letter in the print queue
batches     queued letters, handed over together, once; the archive for the print shop
tracking    carriers' reports on letters, as a CSV file
admin       the pages
"""
