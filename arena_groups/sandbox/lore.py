"""The words the seeded world is made of. Everybody and everything here is made up."""

_FIRST_NAMES = (
    "Abena Adaeze Aiko Akira Alejandra Amara Amir Anahí Anders Anneke Anwar Aroha Astrid Ayşe "
    "Beatriz Bilal Birgit Bongani Camille Chiamaka Chinedu Ciarán Dalia Daniela Dmitri Ebele "
    "Eleni Elif Emeka Esther Farida Fatou Felix Freya Giulia Goran Greta Hana Haruki Ibrahim "
    "Ines Ingrid Isabel Jakub Jamila Javier Jelena Jin Joana Kalani Kamal Katarzyna Keiko "
    "Kofi Lakshmi Leila Linh Lucía Magnus Malik Mara Marisol Mateo Mei Mika Milena Mohan "
    "Moana Nadia Naledi Noor Nuno Oksana Olumide Paloma Pedro Priya Rafael Ravi Renée Rosa "
    "Saba Samir Sanna Sefa Simone Sinéad Soo-jin Søren Tamar Tariq Temperance Thabo Tomasz "
    "Uma Valentina Wanjiru Wiremu Xiomara Yara Yusuf Zainab Zofia Zuri"
)

_LAST_NAMES = (
    "Achebe Adeyemi Aguilar Akhtar Almeida Andersson Aoki Asante Baptiste Barzani Bauer "
    "Begum Berglund Bianchi Boateng Bondarenko Brandt Cáceres Castillo Chaudhry Chen Cohen "
    "Costa Dabrowski Delacroix Demir Diallo Dlamini Dubois Ekström Eriksen Farouk Fernández "
    "Fofana Fontaine Fujimoto Gallagher Ghosh Gómez Grünwald Gutiérrez Haddad Hakimi Hansen "
    "Hernández Horvat Hoàng Ibáñez Ivanova Jabari Jansen Kaplan Kariuki Keita Khalil Kim "
    "Kovács Kowalska Kruger Lefèvre Lindqvist Lopes Mahlangu Maguire Mokoena Mehta Mendes "
    "Mensah Morales Murakami Mwangi Nakamura Nasser Ncube Nguyễn Novák Ochoa Okafor Okonkwo "
    "Oliveira Onyango Özdemir Papadakis Park Patel Pereira Petrov Popescu Quispe Rahman "
    "Rangi Reyes Rossi Sahin Sato Schäfer Sharma Silva Sørensen Suleiman Szabó Takahashi "
    "Tanaka Tcherny Tesfaye Thapa Toivonen Trần Tupou Vargas Vasquez Visser Wójcik Wu "
    "Yamamoto Yilmaz Zamora Zhang Žižka"
)

FIRST_NAMES = tuple(_FIRST_NAMES.split())
LAST_NAMES = tuple(_LAST_NAMES.split())

BIOS = (
    "Designer and **slow reader**. Mostly collecting tools, maps and margins.",
    "Archivist of small things.\n\nWriting at [my notebook](https://notes.example.org/about).",
    "Teaches type, prints at night, grows beans.",
    "Sound, fields & *weather*.",
    "Librarian. I keep lists of lists <and lists of those>.",
    "Software for gardens; gardens for software.",
    "Interested in commons, bread, and bridges.",
    "Curator between cities. Ask me about *postcards*.",
)

GROUP_DESCRIPTION = (
    "Shared notes of a **loose research group**: tools for thought, libraries, gardens "
    "& the web's quieter corners.\n\n"
    "New here? Start with [the reading list](https://studio.example.org/reading-list)."
)

# Name, description, and how many channels, members and followers each of the other groups has.
OTHER_GROUPS: tuple[tuple[str, str | None, int, int, int], ...] = (
    ("Analog Weather", "Barometers, almanacs, *cloud diaries*.", 3, 6, 9),
    ("Cartographers' Lunch", None, 2, 4, 5),
    ("Paper & Pixel Press", "A **tiny press** run from a kitchen table.", 4, 8, 12),
    ("Soft Machines", "Textiles that compute, computers that fold.", 2, 3, 4),
    ("2024", "Everything that was kept from one year.", 1, 2, 3),
)

TITLES = (
    "A grammar of footpaths",
    "Notes on keeping notes",
    "Index cards, box 4",
    "Shelving for one-person libraries",
    "How to read a tide table",
    "Seed packets, 1962 to 1978",
    "Letters to a future maintainer",
    "The desk as landscape",
    "Small tools, long lives",
    "Marginalia & other weeds",
    "On folding maps",
    "Mending as method",
    "Night bus typography",
    "Ways of naming clouds",
    "The commons at low tide",
    "Interfaces made of wood",
    "Recipes <for> commons",
    "Slow web, warm web",
    "An atlas of waiting rooms",
    "Field recordings from a stairwell",
)

PASSAGES = (
    "A good index is a **second book**, written by somebody who has read the first one twice.",
    "Things to try:\n\nkeep the *ugly* draft;\nname the folder after the question.",
    "The path was never planned. People walked, & the grass agreed.",
    "In [the 1931 edition](https://library.example.org/maps?year=1931&sheet=7) the river is left.",
    "“If x < y and y < z, take the stairs.” (pencilled on a blueprint)",
    "We keep the window open so that the *archive* can hear the street.",
)

REMARKS = (
    "Found in the reading room, second drawer.",
    "Came up twice this week. See also [the other list](https://lists.example.org/other).",
    "*Needs a better scan.*",
    "For the chapter on **maintenance**.",
)

CAPTIONS = (
    "A wall of index cards, sorted by colour",
    "Pencil drawing of a harbour at low tide",
    "Two chairs beside a stack of newspapers",
    "A hand-lettered sign above a green door",
)

LINK_HOSTS = ("library.example.org", "notes.example.com", "almanac.example.net")

FILES = (
    ("reading-list.pdf", "application/pdf", "pdf"),
    ("stairwell.wav", "audio/wav", "wav"),
    ("survey-results.csv", "text/csv", "csv"),
    ("zine-cover.ai", "application/postscript", "ai"),
)
