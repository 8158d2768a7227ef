"""Names, languages and time zones that go together. All persons are made up."""

from __future__ import annotations

from dataclasses import dataclass

Name = tuple[str, str]  # as written, and in ASCII for an e-mail address


@dataclass(frozen=True, slots=True)
class Culture:
    """Where an account may come from.

    Attributes:
        weight: share in percent.
        languages: BCP 47 tags; many have no template, so that the fall-back is used.
        zones: IANA names.
        given, family: names, with a form for addresses.
        family_first: whether the family name comes first.
        space: between the names.
    """

    weight: float
    languages: tuple[str, ...]
    zones: tuple[str, ...]
    given: tuple[Name, ...]
    family: tuple[Name, ...]
    family_first: bool = False
    space: str = " "


def _names(text: str) -> tuple[Name, ...]:
    """`José=jose Ana` -> (("José", "jose"), ("Ana", "ana")); `_` stands for a space within a name."""
    pairs = (word.partition("=") for word in text.split())
    return tuple((name.replace("_", " "), ascii or name.lower().replace("_", "")) for name, _, ascii in pairs)


CULTURES: tuple[Culture, ...] = (
    Culture(
        12.0,
        ("en-US", "en-US", "en", "en-CA", "es-US"),
        (
            "America/New_York",
            "America/Chicago",
            "America/Denver",
            "America/Los_Angeles",
            "America/St_Johns",
            "America/Phoenix",
        ),
        _names("Olivia Noah Emma Liam Ava Mason Harper Elijah Zoë=zoe Jayden Brooklyn Mary-Ann"),
        _names(
            "Smith Johnson O'Connor Williams Brown Garcia Miller "
            "Davis St._John=stjohn Washington Nguyen Lopez"
        ),
    ),
    Culture(
        5.0,
        ("en-GB", "en-GB", "en-IE", "cy-GB"),
        ("Europe/London", "Europe/London", "Europe/Dublin"),
        _names("Siân=sian Oliver Amelia Harry Isla Niamh Caoimhe Rhys Imogen Alfie"),
        _names("Jones Taylor Evans Ó_Briain=obriain Fitzgerald MacLeod Patel Wright Llewellyn Khan"),
    ),
    Culture(
        2.0,
        ("en-AU", "en-NZ", "mi-NZ"),
        (
            "Australia/Sydney",
            "Australia/Adelaide",
            "Australia/Darwin",
            "Australia/Lord_Howe",
            "Australia/Eucla",
            "Pacific/Auckland",
            "Pacific/Chatham",
        ),
        _names("Charlotte Jack Matilda Cooper Aroha Tāne=tane Ruby Banjo"),
        _names("Walker Kelly Ngata Parātene=paratene Wilson Murray Tūhoe=tuhoe Scott"),
    ),
    Culture(
        12.0,
        ("de", "de-DE", "de-AT", "de-CH", "gsw-CH", "lb"),
        ("Europe/Berlin", "Europe/Berlin", "Europe/Vienna", "Europe/Zurich"),
        _names(
            "Jörg=joerg Anna Lukas Käthe=kaethe Sören=soeren Leonie "
            "Jürgen=juergen Mia Björn=bjoern Franziska Emil"
        ),
        _names(
            "Müller=mueller Schmidt Weiß=weiss Größer=groesser Fischer "
            "von_Bühlow=vonbuehlow Bäcker=baecker Huber Roth"
        ),
    ),
    Culture(
        7.0,
        ("es", "es-ES", "ca-ES", "eu"),
        ("Europe/Madrid", "Europe/Madrid", "Atlantic/Canary"),
        _names(
            "María=maria José=jose Lucía=lucia Íñigo=inigo Carmen "
            "Nuria Begoña=begona Javier Ángel=angel Rocío=rocio"
        ),
        _names(
            "García=garcia Núñez=nunez Ibáñez=ibanez López=lopez Peña=pena "
            "Fernández=fernandez Ortega Muñoz=munoz Vila"
        ),
    ),
    Culture(
        7.0,
        ("es-MX", "es-AR", "es-CO", "es-419", "qu-PE"),
        (
            "America/Mexico_City",
            "America/Argentina/Buenos_Aires",
            "America/Bogota",
            "America/Lima",
            "America/Caracas",
        ),
        _names("Valentina Mateo Ximena Santiago Camila Joaquín=joaquin Renata Tomás=tomas Itzel Emiliano"),
        _names(
            "Hernández=hernandez Quispe Rodríguez=rodriguez Gómez=gomez "
            "Vargas Pérez=perez Mamani Güemes=guemes Ríos=rios"
        ),
    ),
    Culture(
        9.0,
        ("ar", "ar-EG", "ar-SA", "ar-MA", "ar-AE"),
        ("Africa/Cairo", "Asia/Riyadh", "Africa/Casablanca", "Asia/Dubai", "Asia/Baghdad", "Asia/Beirut"),
        _names(
            "محمد=mohamed فاطمة=fatima يوسف=youssef مريم=mariam خالد=khaled "
            "نور=nour عمر=omar ليلى=layla هدى=huda سامي=sami"
        ),
        _names(
            "الحسن=alhassan منصور=mansour الخطيب=alkhatib حداد=haddad "
            "العلي=alali نجار=najjar بن_سالم=bensalem فارس=fares"
        ),
    ),
    Culture(
        6.0,
        ("pt-BR", "pt-BR", "pt-PT", "pt"),
        ("America/Sao_Paulo", "America/Manaus", "Europe/Lisbon", "America/Recife"),
        _names(
            "João=joao Beatriz Thiago Conceição=conceicao Inês=ines "
            "Gabriel Letícia=leticia Luís=luis Vitória=vitoria"
        ),
        _names(
            "Silva Gonçalves=goncalves Araújo=araujo Magalhães=magalhaes "
            "Souza Simões=simoes Pereira Assunção=assuncao"
        ),
    ),
    Culture(
        5.0,
        ("fr", "fr-FR", "fr-CA", "fr-SN", "br-FR"),
        ("Europe/Paris", "America/Toronto", "Africa/Dakar", "Pacific/Marquesas", "Indian/Reunion"),
        _names(
            "Éloïse=eloise François=francois Chloé=chloe Gaël=gael "
            "Anaïs=anais Théo=theo Aïssatou=aissatou Jules"
        ),
        _names(
            "Lefèvre=lefevre Dubois N'Diaye Gauthier D'Aubigné=daubigne "
            "Moreau Traoré=traore Noël=noel Tremblay"
        ),
    ),
    Culture(
        5.0,
        ("ru", "ru-RU", "kk", "be"),
        ("Europe/Moscow", "Asia/Yekaterinburg", "Asia/Vladivostok", "Asia/Almaty", "Europe/Minsk"),
        _names(
            "Дмитрий=dmitri Анна=anna Ольга=olga Сергей=sergei "
            "Юлия=yulia Фёдор=fyodor Наталья=natalia Илья=ilya"
        ),
        _names(
            "Иванов=ivanov Кузнецова=kuznetsova Щербак=shcherbak Соловьёв=solovyov "
            "Попова=popova Жуков=zhukov Цой=tsoi"
        ),
    ),
    Culture(
        2.0,
        ("uk", "bg", "sr-Cyrl", "mk"),
        ("Europe/Sofia", "Europe/Belgrade", "Europe/Skopje", "Europe/Bucharest"),
        _names(
            "Олександр=oleksandr Софія=sofiia Ганна=hanna Љубица=ljubica "
            "Ђорђе=djordje Стоян=stoyan Ѓорѓи=gjorgji"
        ),
        _names(
            "Шевченко=shevchenko Петровић=petrovic Георгиева=georgieva "
            "Ковальчук=kovalchuk Њего=njego Ќосев=kjosev"
        ),
    ),
    Culture(
        5.0,
        ("zh-CN", "zh-Hans", "zh-TW", "zh-Hant-HK"),
        ("Asia/Shanghai", "Asia/Taipei", "Asia/Hong_Kong", "Asia/Singapore"),
        _names(
            "伟=wei 秀英=xiuying 子涵=zihan 建國=jianguo 欣怡=xinyi 明=ming 雪梅=xuemei 志強=zhiqiang 思远=siyuan"
        ),
        _names("王=wang 李=li 張=zhang 刘=liu 陳=chen 欧阳=ouyang 黃=huang 赵=zhao 林=lin"),
        family_first=True,
        space="",
    ),
    Culture(
        4.0,
        ("ja", "ja-JP"),
        ("Asia/Tokyo",),
        _names("さくら=sakura 健太=kenta 陽菜=hina 翔=sho ゆうき=yuki 美咲=misaki マリ=mari 大輔=daisuke"),
        _names("佐藤=sato 鈴木=suzuki 髙橋=takahashi 田中=tanaka 渡邊=watanabe 山﨑=yamazaki 小野寺=onodera"),
        family_first=True,
    ),
    Culture(
        3.0,
        ("ko", "ko-KR"),
        ("Asia/Seoul",),
        _names("민준=minjun 서연=seoyeon 지우=jiwoo 하은=haeun 도윤=doyun 수빈=subin 예준=yejun"),
        _names("김=kim 이=lee 박=park 최=choi 정=jung 남궁=namgung 강=kang"),
        family_first=True,
        space="",
    ),
    Culture(
        4.0,
        ("hi", "hi-IN", "en-IN", "mr", "ne"),
        ("Asia/Kolkata", "Asia/Kolkata", "Asia/Kathmandu"),
        _names(
            "आरव=aarav प्रिया=priya अनन्या=ananya विवान=vivaan सीता=sita कृष्ण=krishna दीपिका=deepika रोहन=rohan"
        ),
        _names("शर्मा=sharma वर्मा=verma सिंह=singh गुप्ता=gupta त्रिपाठी=tripathi कुलकर्णी=kulkarni थापा=thapa"),
    ),
    Culture(
        2.0,
        ("ta", "si-LK", "my-MM", "en-LK"),
        ("Asia/Colombo", "Asia/Yangon", "Asia/Kolkata"),
        _names("Nimal Kavindi அருண்=arun மீனா=meena Dilshan သီရိ=thiri Aung"),
        _names("Perera Wickramasinghe குமார்=kumar Fernando Hlaing ராஜன்=rajan Jayawardena"),
    ),
    Culture(
        2.0,
        ("fa", "fa-IR", "ps-AF", "ur-PK"),
        ("Asia/Tehran", "Asia/Kabul", "Asia/Karachi"),
        _names("علی=ali زهرا=zahra پریسا=parisa چنگیز=changiz ژاله=zhaleh گلناز=golnaz امیر=amir"),
        _names("احمدی=ahmadi رضایی=rezaei پژمان=pejman خان=khan یوسفزی=yousafzai گیلانی=gilani"),
    ),
    Culture(
        2.0,
        ("he", "he-IL"),
        ("Asia/Jerusalem",),
        _names("נועה=noa איתי=itai תמר=tamar יוסף=yosef שירה=shira אורי=uri מיכל=michal"),
        _names("כהן=cohen לוי=levi מזרחי=mizrahi פרידמן=friedman בן־דוד=bendavid אזולאי=azulay"),
    ),
    Culture(
        2.0,
        ("el", "el-GR", "el-CY"),
        ("Europe/Athens", "Asia/Nicosia"),
        _names("Μαρία=maria Γιώργος=giorgos Ελένη=eleni Δημήτρης=dimitris Αθηνά=athina Νίκος=nikos"),
        _names("Παπαδόπουλος=papadopoulos Οικονόμου=oikonomou Γεωργίου=georgiou Αγγελή=angeli Ξένος=xenos"),
    ),
    Culture(
        2.0,
        ("pl", "cs", "sk", "hu-HU", "hr"),
        ("Europe/Warsaw", "Europe/Prague", "Europe/Bratislava", "Europe/Budapest", "Europe/Zagreb"),
        _names(
            "Łukasz=lukasz Agnieszka Jiří=jiri Šárka=sarka Gergő=gergo "
            "Željka=zeljka Małgorzata=malgorzata Ondřej=ondrej"
        ),
        _names(
            "Wójcik=wojcik Żółć=zolc Dvořák=dvorak Čapková=capkova Kővári=kovari Šimić=simic Kowalska Nagy"
        ),
    ),
    Culture(
        1.0,
        ("tr", "tr-TR", "az"),
        ("Europe/Istanbul", "Asia/Baku"),
        _names("İbrahim=ibrahim Ayşe=ayse Çağla=cagla Ömer=omer Iğıl=igil Şükrü=sukru Əli=eli"),
        _names("Yılmaz=yilmaz Öztürk=ozturk Şahin=sahin Güneş=gunes Doğan=dogan İnce=ince Məmmədov=mammadov"),
    ),
    Culture(
        1.0,
        ("vi", "th", "id", "fil-PH", "ms-MY"),
        ("Asia/Ho_Chi_Minh", "Asia/Bangkok", "Asia/Jakarta", "Asia/Manila", "Asia/Kuala_Lumpur"),
        _names("Nguyệt=nguyet Đức=duc Thảo=thao สมชาย=somchai มาลี=malee Putri Jose_Rizal Siti"),
        _names("Trần=tran Phạm=pham Đặng=dang ใจดี=jaidee Wijaya Reyes bin_Ahmad=binahmad"),
    ),
)
