"""What mail servers, vacation programs and filters say in words, in the languages that they say it in.

Each list is one pattern over text in lower case with single spaces. A phrase alone decides nothing: see `plain` and
`replies` for what else must hold.
"""

from __future__ import annotations

import re


def _any(*lines: str) -> re.Pattern[str]:
    return re.compile("|".join(line for text in lines for line in text.strip().split("\n") if line))


def folded(text: str) -> str:
    """Text in the form that the patterns look at."""
    text = text.lower().replace("’", "'").replace("´", "'").replace("‘", "'").replace("\u00a0", " ")
    return " ".join(re.sub(r"(?m)^[>|\s]+", "", text).split())


# It did not arrive and will not.
FAILED = _any(
    r"""
(?:could|can|was|were|is|has|have|did)(?: ?not|n't)(?: yet)? (?:be |been |get )?(?:successfully )?(?:deliver|transmit|relay|sent\b|reach(?:ed)? (?:the|your|all|some|one)|process(?:ed)? (?:the|your))
(?:unable|not able|wasn't able|failed|impossible|not possible) to (?:successfully )?(?:deliver|transmit|relay|send|reach)
undeliver(?:able|ed)|non-?deliver|not deliverable|delivery .{0,40}fail|error (?:was |has )?(?:occurr?ed )?(?:while )?(?:delivering|(?:trying|attempting) to deliver)|problems? delivering|envelope expired|incorrectly constructed|malformed address|deliver(?:y|ies) (?:error|problem|refused|rejected|was aborted)
fail(?:ed|ure) (?:delivery|notice|to deliver|recipient|address)|failed (?:permanently|for the following)
returned? (?:mail|to (?:the )?sender|to you)|(?:permanent|fatal|unrecoverable) (?:fatal )?(?:error|failure|problem)|permanently (?:rejected|failed)
(?:no such|unknown|invalid|bad|non-?existe?nt|incorrect|illegal|ambiguous|inactive|unrouteable|unroutable) (?:user|recipient|mailbox|address|account|local|e-?mail|domain|host|name|destination|person|alias)
(?:user|recipient|mailbox|address|account|host|domain|alias|e-?mail|name|addressee)(?: name| address| account| id)?[^.;:]{0,60} (?:is |was |are )?(?:not? (?:a )?(?:found|known|valid|recogni[sz]ed|exist|listed|available|accept|active|allowed)|unknown|invalid|unavailable|inactive|disabled|suspended|closed|expired|rejected|refused|full|over (?:its |the )?quota|blocked|terminated|deactivated)
(?:does|do|did)(?: not|n't) (?:exist|have an? (?:\S+ )?(?:account|mailbox)|like recipient|accept)|doesnt exist
(?:over|exceed(?:s|ed|ing)?|out of|insufficient).{0,30}(?:quota|storage|disk|space|mailbox size|size limit|limit)|quota (?:exceeded|violation|limit|full)|mailbox .{0,30}(?:full|exceed)
(?:message|mail|e-?mail|it|transmission) (?:was |has been |is |cannot be )?(?:permanently )?(?:rejected|refused|blocked|bounced|denied|discarded)|rejected (?:by|your|as|for|due|because)|relay(?:ing)? (?:denied|not permitted|access denied|prohibited)
not listed in|not a (?:valid|known|registered|local) (?:user|recipient|mailbox|address|account)|not in (?:the |our )?(?:directory|address book)|no (?:mailbox|account|user|one) (?:here|by|with|called|of) (?:that|this)|this user doesn't have|has moved|no longer (?:valid|in use|exists?|available|active|accept|works? (?:here|for|at)|on this server)
(?:giving|gave|given) up|time-?out .{0,30}(?:exceeded|expired)|(?:message|mail) .{0,30}(?:expired|too (?:big|large|old|long))|too many (?:hops|received)|mail loop|loop detected|message size exceeds
(?:host|domain|name server|address)[^;]{0,60}(?:not found|unknown|does(?: not|n't) (?:exist|resolve))|connection (?:refused|timed out)|no route to|mail system .{0,30}problem
unsolicited|spam (?:content|message|detected|filter)|access denied|sender (?:rejected|denied|blocked)|policy (?:violation|reasons?)|not our customer|not accept(?:ing|ed) (?:mail|messages)
couldn't (?:deliver|find|be delivered|reach)|could not (?:find|reach)|sorry it didn't work out|we were unable|recipient problem|delivery to .{0,80} (?:failed|was refused)|did not reach
""",
    # German
    r"""
(?:konnten?|kann|können) (?:leider )?(?:\S+ ){0,8}nicht (?:\S+ ){0,4}(?:zugestellt|ausgeliefert|zustellen|übermittelt|gesendet|weitergeleitet|verarbeitet|erreicht)
unzustellbar|nicht zustellbar|nicht zugestellt|zustellung (?:\S+ ){0,4}(?:fehlgeschlagen|gescheitert|nicht)|(?:wurde|ist) nicht (?:zugestellt|gesendet|übermittelt)|übermittlung fehlgeschlagen
(?:empfänger|benutzer|adresse|postfach|konto)\S* (?:\S+ ){0,5}(?:unbekannt|nicht gefunden|nicht vorhanden|ungültig|existiert nicht|gesperrt|deaktiviert|voll|überschritten)|unbekannter? (?:empfänger|benutzer)|existiert nicht|permanenter fehler|endgültig|fehlermeldung des mailservers
""",
    # French
    r"""
n'(?:a|ont) (?:pas )?(?:pas )?(?:pu|pus|été)(?: être)? (?:remis|délivr|distribu|achemin|livr|envoy|transmis)|n'a pas (?:pu|été)|n'ont pas (?:pu|été)|ne (?:peut|peuvent) (?:pas )?être (?:remis|délivr|distribu|achemin|livr)
non (?:remis|distribu|délivr|livr|délivrable)|échec (?:\S+ ){0,3}(?:remise|distribution|livraison|acheminement|d'envoi)|impossible (?:de|d') ?(?:remettre|délivrer|livrer|distribuer|acheminer|envoyer)
bo[iî]te (?:aux lettres |de réception |mail )?(?:\S+ ){0,3}(?:pleine|saturée|inconnue|désactivée)|(?:adresse|destinataire|utilisateur|compte)\S* (?:\S+ ){0,3}(?:inconnu|invalide|inexistant|introuvable)|n'existe (?:pas|plus)|erreur (?:permanente|fatale)
""",
    # Spanish, Portuguese, Italian, Romanian
    r"""
no (?:se )?(?:ha |han )?(?:podido|pudo|puede|pueden|pudieron|fue posible|es posible|sido)(?: ser)? (?:entrega|envia|env[ií]|distribu|alcanza|hacer)|no (?:ha sido|fue|se ha) entregad|no entregad|no se (?:ha )?entreg|imposible (?:de )?entregar|fall[oóa]\S* (?:\S+ ){0,3}entrega|error (?:permanente|fatal)
(?:usuario|destinatario|cuenta|direcci[oó]n|buz[oó]n)\S* (?:\S+ ){0,4}(?:desconocid|inexistente|no existe|no v[aá]lid|no encontrad|llen[oa]|suspendid|desactivad|deshabilitad)|no existe\b|devuelto al remitente|excedid\S+ (?:\S+ ){0,3}(?:cuota|espacio)
n[aã]o (?:p[oôu]de|pode|foi|puderam|foram|será)(?: possível)? (?:ser )?(?:entreg|enviad|encaminh|alcan)|n[aã]o (?:foi )?entregue|n[aã]o entregue|falha (?:\S+ ){0,3}(?:entrega|envio)|(?:usu[aá]rio|destinat[aá]rio|conta|endere[cç]o|caixa)\S* (?:\S+ ){0,4}(?:desconhecid|inexistente|inv[aá]lid|n[aã]o (?:existe|encontrad)|chei[ao]|bloquead|desativad)|n[aã]o existe\b
non (?:è|e'|é|ha|può|puo'|sono|si è)(?: stato| stata| stati)?(?: possibile)?(?: essere)? (?:recapitat|consegnat|inoltrat|inviat|invia|recapita|consegna)|impossibile (?:recapitare|consegnare|inviare|inoltrare)|mancat[oa] (?:recapito|consegna)|non recapitabile|(?:utente|destinatario|casella|indirizzo|account)\S* (?:\S+ ){0,4}(?:sconosciut|inesistente|non (?:esiste|valid|trovat)|pien[ao]|disabilitat|sospes)|non esiste\b
nu a (?:putut|fost)(?: fi)? (?:livrat|trimis|expediat)|nu poate fi livrat|nu există
""",
    # Dutch and the north
    r"""
(?:kon|kan|konden|is|werd)(?: \S+){0,4} niet (?:\S+ ){0,3}(?:afgeleverd|bezorgd|worden|afleveren)|onbestelbaar|niet (?:afgeleverd|bezorgd)|(?:gebruiker|ontvanger|postvak|mailbox|adres)\S* (?:\S+ ){0,3}(?:onbekend|vol|bestaat niet|ongeldig|niet gevonden)|bestaat niet\b
(?:kunde|kan) inte (?:\S+ ){0,2}(?:levereras|skickas|nå)|olevererbar|(?:kunne|kan) ikke (?:\S+ ){0,2}(?:leveres|sendes|afleveres)|ikke levert|ikke leveret|ei (?:voitu|voida|onnistu)\S* (?:\S+ ){0,2}(?:toimittaa|välittää)|perillesaattamaton|toimittamaton|(?:mottagaren|modtageren|mottakeren)\S* (?:\S+ ){0,3}(?:okänd|ukendt|ukjent|finns inte|findes ikke|finnes ikke)
""",
    # Polish, Czech, Slovak, Hungarian, Croatian, Turkish, Greek
    r"""
nie (?:mo[żz]e|mog[łl][ao]?|m[óo]g[łl]|zosta[łl]\S*|uda[łl]o|mo[żz]na)(?: si[ęe])?(?: by[ćc]| zosta[ćc])? ?(?:dostarcz|dor[ęe]cz|wys[łl]a|przes[łl]a)|niedor[ęe]cz|niedostarcz|nie dostarczon|nie dor[ęe]czon|nie istnieje|(?:u[żz]ytkownik|adresat|odbiorca|skrzynka|konto|adres)\S* (?:\S+ ){0,3}(?:nieznan|nie istnieje|pe[łl]n|przepe[łl]nion|zablokowan|nie znalezion)
nelze doru[čc]it|ne(?:bylo|byla|mohla|mohlo|mohl|lze|podařilo)(?: \S+){0,3} (?:doru[čc]|odesl)|nedoru[čc]|neexistuje|nie je mo[žz]n[ée] doru[čc]i[ťt]|nem (?:lehet|sikerült|tudtuk|kézbesíthető)(?: \S+){0,3}(?: kézbesít| továbbít)?|kézbesíthetetlen|nem létez|nije (?:mogu[ćc]e )?(?:isporu[čc]|dostav)
teslim edileme|iletileme|ulaştırılama|gönderileme|kullanıcı bulunamadı|δεν (?:ήταν δυνατή|μπόρεσε|παραδόθηκε|υπάρχει)|αποτυχία παράδοσης
""",
    # Russian, Ukrainian
    r"""
не (?:может|могло|могли|смог\S*|удалось|удается|удаётся|был[оаи]?|было|получилось)(?: быть)? ?(?:доставл|доставит|отправ|переда)|не ?доставлен|недоставлен|невозможно доставить|(?:пользовател|получател|адрес|ящик|домен)\S* (?:\S+ ){0,5}(?:не (?:существует|найден|обнаружен|зарегистр)|неизвест|переполнен|заблокирован|отключен)|неизвестн\S+ (?:пользоват|получат|адрес)|не существует|переполнен|(?:сообщение|письмо)\S* (?:\S+ ){0,3}отклонен|не вдалося (?:доставити|надіслати)|не було доставлено|не існує
""",
    # Arabic, Hebrew, Japanese, Chinese, Korean, Vietnamese, Indonesian, Thai
    r"""
تعذر (?:تسليم|إرسال|توصيل)|لم يتم (?:تسليم|توصيل|إرسال)|فشل (?:في )?(?:تسليم|إرسال|توصيل)|לא (?:ניתן|היה ניתן|נמסר|הצלחנו)|אין אפשרות למסור
(?:配信|送信|配送|配達|お届け|送付|転送)(?:に失敗|でき(?:ません|ない|なかった)|不能|されません|することができ)|届け(?:る|ら)|届きませんでした|見つか(?:りません|らない)|(?:リスト|名簿|ディレクトリ)に(?:ありません|存在)|宛先(?:不明|が不明)|存在し(?:ません|ない)|受信(?:拒否|できません)|メールボックス.{0,20}(?:いっぱい|超え|満杯|制限)|エラーメール|送れません
(?:无法|無法|不能|未能)(?:投递|投遞|送达|送達|递送|遞送|发送|發送|传递|傳遞|传送|傳送|被投递|寄达|寄達|到达|送到)|(?:投递|投遞|发送|發送|递送|遞送|传送|傳送|寄送)(?:失败|失敗|不成功)|退信|退件|被退回|退回|不存在|(?:邮箱|郵箱|信箱|空间|空間|容量)(?:\S{0,8})(?:已满|已滿|满|滿|不足)|未知用户|(?:被|遭)(?:拒收|拒绝|拒絕)|收件人.{0,10}(?:不存在|错误|錯誤|无效|無效)
(?:전송|배달|전달|발송|수신)\S{0,4} ?(?:실패|되지 (?:못|않)|하지 못|할 수 없|불가)|존재하지 않|반송|찾을 수 없|용량.{0,10}초과|không (?:thể|gửi được|tồn tại|được gửi)|tidak (?:dapat|bisa|berhasil) (?:dikirim|terkirim|disampaikan)|gagal (?:dikirim|terkirim|mengirim)|ไม่สามารถ(?:ส่ง|จัดส่ง)|ส่งไม่สำเร็จ
""",
)

# An SMTP reply that refuses for good, as reports quote it.
REFUSAL = re.compile(
    r"(?<![\d.:-])55\d[ -](?:#?5\.\d{1,3}\.\d{1,3}\b)?|\b5\.[1-7]\.\d{1,3}\b|\bsmtp[;:]? ?5\d\d\b|\berror(?: code)?:? ?\(?5\d\d\b"
)
_DEFERRAL = re.compile(r"(?<![\d.:-])4[25][0-2][ -]|\b4\.[0-7]\.\d{1,3}\b")

# It did not arrive yet, and who says so still tries.
STILL_TRYING = _any(
    r"""
(?:will|shall|is|are|be|am|'ll)(?: (?:be|automatically|periodically|still|now|also))? (?:retr(?:y|ied|ying)|re-?tried|re-?attempt|re-?sent automatically|keep(?:ing)? (?:on )?(?:trying|attempting|retrying)|continu(?:e|ing) (?:to (?:try|attempt|retry|be)|trying|attempting|delivery|its attempts|with))
(?:will|shall|'ll)(?: be)? (?:try|attempt|tried|attempted)(?: (?:to|delivery|again|it|sending|the|for))|(?:delivery )?(?:attempts?|retries) will (?:continue|be made|be repeated)|still (?:trying|retrying|being|attempting|queued|in (?:the|our|my) (?:mail )?queue|undelivered|waiting)
(?:no|not|n't) (?:have to|need to|necessary to|need for you to|need)(?: \S+){0,3} (?:resend|re-send|retry|send|do anything|re-?submit)|not required to resend|do(?: not|n't) (?:resend|re-send|send) (?:the|your|this)|no action (?:is )?(?:required|needed|necessary) (?:on|from|by|at)
warning(?: message)? only|(?:this is|this is only|only) (?:just )?a (?:warning|delay|temporary)|has (?:not yet|yet to) been? (?:deliver|success|transmit)|not yet been? (?:deliver|transmit|sent)|hasn't (?:yet )?been delivered yet|could not (?:yet )?(?:be )?(?:sent?|deliver(?:ed)?)(?: \S+){0,4} (?:for|in|within) (?:the )?(?:past|last) |not been able to (?:be )?deliver\S*(?: \S+){0,6} (?:yet|so far|since)|been delayed|is (?:currently |being |temporarily )?delayed|delivery (?:is |has been |status notification ?\(|of your message \S* ?)?delay|message delayed|delayed (?:mail|delivery|message|for)|delivery .{0,30}(?:has been )?(?:postponed|deferred)|temporarily (?:deferred|delayed|queued|undeliverable)|transient (?:non-?fatal )?(?:error|fail)|temporary (?:delivery )?(?:failure|problem|error|difficult)|(?:more|further|other) (?:attempts|tries) will|attempts? to deliver .{0,60}continu|will be returned (?:to you )?if|until it is delivered|in the (?:mail )?queue (?:for|since)
""",
    r"""
verzögert|verzögerung|(?:wird|werden|es wird) (?:weiter|erneut|noch|weiterhin)(?: \S+){0,6} versuch|zustellversuche? (?:\S+ ){0,4}(?:fortgesetzt|wiederholt)|noch nicht (?:zugestellt|ausgeliefert)|nicht (?:erneut|noch einmal) (?:zu )?senden
(?:a été |est )?(?:retardé|différé)|retard (?:de|dans)|(?:sera|seront|va)(?: \S+){0,4} (?:tent|réessa|essay|retent)|nouvelles? tentatives?|n'a pas encore (?:pu|été)|pas (?:besoin|nécessaire) de (?:le |la |les )?(?:renvoyer|réexpédier)
(?:ha sido |está |fue )?(?:retrasad|demorad|aplazad|diferid)|(?:se )?(?:seguirá|seguiremos|volverá|continuará|continuaremos|intentará)(?: \S+){0,3} ?(?:intent|trat|entreg)|todavía no (?:se )?(?:ha|pud)|aún no (?:se )?(?:ha|pud)|no (?:es necesario|tiene que|necesita) (?:volver a )?(?:reenviar|enviar)
(?:è stat[oa] |è )?(?:ritardat|in ritardo|posticipat|differit)|(?:verrà|verranno|saranno|continuerà|continueremo)(?: \S+){0,4} (?:tent|riprov|ritent)|non ancora (?:recapitat|consegnat)|non è necessario (?:rinviare|reinviare|rispedire)
(?:foi |está |será )?(?:atrasad|adiad|retardad)|(?:continuará|continuaremos|tentará|tentaremos|será)(?: \S+){0,4} (?:tentando|tentar|tentad|novamente)|ainda n[aã]o (?:foi|p[oô]de)|n[aã]o (?:é necessário|precisa) (?:re)?enviar
vertraagd|vertraging|(?:zal|wordt|blijft)(?: \S+){0,5} (?:opnieuw|proberen|geprobeerd)|nog niet (?:afgeleverd|bezorgd)|fördröj|försenad|forsinket|viivästy|op[óo][źz]nion|(?:b[ęe]dzie|zostanie|zostan[ąa])(?: \S+){0,4} (?:pon[óo]w|podejm|pr[óo]b)|jeszcze nie|zpožděn|odložen|késik|késlelte|geciki
задерж|отложен|будет (?:\S+ ){0,4}(?:повтор|предприн|продолж)|будут (?:\S+ ){0,4}(?:повтор|предприн|продолж)|попытк\S+ (?:\S+ ){0,3}(?:продолж|будут|повтор)|ещё не доставлен|еще не доставлен|затрим
遅延|遅れて|(?:再送|再送信)(?:を(?:試|続|行)|し続|いたします|します|されます)|自動的に再|(?:まだ|いまだ).{0,10}(?:配信|届)|延迟|延遲|(?:继续|繼續|重新|再次)(?:尝试|嘗試|投递|投遞|发送|發送)|重试|重試|暂时|暫時|지연|재시도|다시 시도|تأخر|سيتم إعادة|עוכב|bị trì hoãn|tertunda
""",
)

# Who says so has stopped trying, whatever it says of tries before.
STOPPED = _any(
    r"""
(?:giving|gave|given|give) up|(?:will|shall|'ll) (?:not|no longer|not be)(?: be)? (?:retr|tr(?:y|ied)|attempt|deliver|re-?sent)|won't (?:be )?(?:retr|try|deliver)|no (?:further|more|additional) (?:\S+ )?(?:attempt|delivery|tries|retries)|no longer (?:\S+ )?(?:tr|retr|attempt|queued)
(?:permanent|fatal|unrecoverable) (?:\S+ )?(?:error|failure)|failed permanently|permanently (?:fail|reject|undeliv)|has been (?:abandoned|deleted|removed|returned|expired|rejected|discarded|terminated|bounced)|retry time(?:out)? (?:exceeded|has)|(?:retry|queue|time)[ -]?(?:time)?out (?:exceeded|expired|reached)|(?:maximum|max\.?) .{0,60}(?:reached|exceeded|expired)|message (?:has )?expired|expired (?:after|message)|delivery time expired|delivery (?:has )?(?:finally |permanently )?failed|could not be delivered (?:in|within|after|for) .{0,20}(?:day|hour)s?|after .{0,30}(?:days|hours|attempts|tries).{0,40}(?:return|fail|undeliver|bounc)|message (?:was |is )?(?:being )?returned|returning (?:the |your )?message|unable to deliver .{0,40}after|timed out while .{0,30}; giving up
endgültig|permanenter|aufgegeben|erreur (?:permanente|fatale)|error (?:permanente|fatal)|errore (?:permanente|fatale)|définitivement|definitiv|permanente? fout|больше не|прекращ|окончательн|断念|中止|放弃|放棄|포기
""",
)

# The subject or the text says how the tries ended, or that these tries go on.
DELAY_SUBJECT = _any(r"""
\bdelay|\bwarning\b|not yet|still (?:un|trying)|verzöger|retard|retras|ritard|atras|vertrag|задерж|отлож|遅延|延迟|延遲|지연|temporar(?:y|ily)|transient|opóźn
""")

# It lies with a filter until its sender proves to be a person.
CHALLENGE = _any(
    r"""
(?:click|follow|visit|(?<!not )reply|respond|go to).{0,120}(?:to (?:confirm|verify|authenticate|prove|validate|be (?:added|approved)|have your (?:address|message|e-?mail)|release|ensure (?:the )?delivery|complete (?:the )?delivery|get your (?:message|e-?mail)))
(?:ensure|complete|guarantee|allow|authorize|release) (?:the )?(?:delivery|receipt|your (?:message|e-?mail)).{0,120}(?:click|link|reply|confirm|http)|(?:account|mailbox|address|inbox|i|user|recipient|e-?mail) (?:is |am |are )?(?:being )?(?:protected|guarded|using) (?:by |with )?(?:\S+ ){0,3}(?:bluebottle|boxbe|spam ?arrest|sendio|knowspam|mailblocks|choicemail|tmda|qurb|0spam|spamcop|anti-?spam|challenge|permission)
challenge[ -/](?:and )?response|(?:one-time|sender) (?:confirmation|verification|authentication|challenge)|(?:verify|confirm|prove|show)(?: to \S+)? (?:that )?you(?:'re| are)(?: not)? (?:a |an )?(?:human|real|person|spam|legitimate|valid|machine)|(?:message|e-?mail) .{0,40}(?:held|waiting|pending|quarantined|queued) .{0,60}(?:until|pending|for|awaiting).{0,60}(?:confirm|approv|verif|moderator|your (?:reply|response)|authoriz)|awaits? (?:your )?(?:moderator )?(?:confirmation|verification|approval)|(?:guest|allowed|approved|white|safe) ?-?(?:sender'?s? )?list.{0,200}(?:click|link|confirm|reply|http)|(?:click|link|confirm|reply).{0,200}(?:guest|allowed|approved|white|safe) ?-?(?:sender'?s? )?list
confirme? (?:o |su |tu |seu |votre )?(?:envio|envío|mensaje|e-?mail|envoi|message).{0,80}(?:clic|link|enlace)|(?:clique|cliquez|haga clic|klicken sie).{0,120}(?:confirm|bestätig|autoriz|autoris|verific)|antispam uol|подтвердите.{0,80}(?:отправ|письм|адрес)
"""
)

# It arrived, and something is said besides. No bounce, whatever else the text holds.
ARRIVED_ANYWAY = _any(
    r"""
(?:has been|was|were|is|have been)(?: successfully)? (?:delivered|received|accepted)(?: \S+){0,6},? (?:but|however|although|though|despite|even though)|(?:delivered|received) (?:anyway|nevertheless|nonetheless|regardless|in spite)|(?:despite|although|even though) .{0,80}(?:quota|full|limit).{0,80}(?:was|has been|is) delivered
message was (?:still )?delivered|(?:wurde|ist) (?:dennoch|trotzdem) zugestellt|a (?:néanmoins|quand même|malgré tout) été (?:remis|délivré|distribué)|(?:ha sido|fue) entregado (?:pero|aunque|sin embargo)
"""
)

SUCCESS = _any(r"""
(?:successfully|has been|was) (?:delivered|relayed)|return receipt|delivery (?:report|receipt|confirmation)|(?:erfolgreich|wurde) zugestellt|remis avec succès|entregado correctamente
""")

# Subjects of automatic replies.
AWAY_SUBJECT = _any(
    r"""
out[ -]of[ -](?:the[ -])?(?:my[ -])?office|\booo\b|\boof\b|auto[- ]?(?:matic(?:ally)? )?(?:generated )?(?:repl|respon|answer|acknowledg|reply|mated (?:repl|respon|mess|e-?mail|answer))|autoreply|autorespon|autoanswer|vacation|on holiday|\baway\b|(?:i am|i'm|will be|currently) (?:away|out|on (?:leave|vacation|holiday|maternity|parental|annual)|unavailable|travell?ing)|on (?:annual |maternity |parental |sick )?leave|not in the office|absence
abwesenheit|abwesend|automatische? (?:antwort|reply)|nicht im (?:büro|haus)|im urlaub|urlaubs|eingangsbestätigung|réponse automatique|absence|absent|en congés?|en vacances|message d'absence|accusé de réception
respuesta autom[aá]tica|fuera de (?:la )?oficina|ausente|ausencia|de vacaciones|auto ?respuesta|acuse de recibo|risposta automatica|fuori (?:ufficio|sede)|assente|assenza|in ferie|resposta autom[aá]tica|fora do escrit[óo]rio|aus[eê]ncia|de f[eé]rias
automatisch (?:antwoord|bericht)|afwezig|niet aanwezig|autosvar|automatiskt svar|automatisk svar|frånvar|fraværende|ikke på kontoret|poissa|automaattinen vastaus|loma|automatyczna odpowied|autoodpowied|nieobecno|poza biurem|urlop|automatick[áa] odpov|mimo kancelá|nepřítom|neprítom|automatikus válasz|házon kívül|szabadság|otomatik (?:yanıt|cevap)|ofis dışı|αυτόματη απάντηση|εκτός γραφείου|răspuns automat|automatski odgovor
автоответ|автоматическ\S+ (?:ответ|уведомл|сообщ)|вне офиса|в отпуске|отсутств|автоматична відповідь|自動(?:返信|応答|回答|回覆|回复|答复)|自动(?:回复|答复|应答)|不在|休暇|外出|休假|자동 ?(?:응답|회신|답장)|부재중|رد تلقائي|الرد التلقائي|خارج المكتب|תשובה אוטומטית|מענה אוטומטי|trả lời tự động|balasan otomatis|ตอบกลับอัตโนมัติ
"""
)

# Subjects under which mail servers report.
REPORT_SUBJECT = _any(
    r"""
undeliver|non-?deliver|deliver(?:y|able|ing)?\b.{0,40}(?:fail|status|report|notif|error|problem|delay|impossible|unsuccess|warn)|fail(?:ure|ed)?\b.{0,20}(?:notice|deliver|notif|mail|send)|(?:mail|message|e-?mail)\b.{0,30}(?:fail|return|bounce|reject|refus|error|problem|undeliv|not deliver|could ?n.t|delay|warning|status)|returned (?:mail|message|e-?mail|to sender)|bounced?\b|mailer-daemon|user unknown|rejected|warning: (?:could|message)|permanent|mail system error|mailbox|quota|unknown (?:address|user)|\bndn\b|\bndr\b|\bdsn\b|not delivered|nondeliver|can ?not be|could not|address (?:error|change|unknown)
unzustellbar|nicht zustellbar|zustellung|fehlgeschlagen|unzustell|rückläufer|non remis|non distribu|échec|erreur|retour|remise|no (?:se )?(?:ha )?(?:entregad|podido|pudo|puede)|devuelto|fallo|error|mancato recapito|non recapit|impossibile|errore|n[aã]o (?:entregue|foi)|falha|devolvid|retornad|onbestelbaar|niet (?:bezorgd|afgeleverd)|olevererbar|ikke lever|kunne ikke|nie(?:dostarcz|dor[ęe]cz)|zwrot|nedoru[čc]|kézbesít|teslim edile|недостав|не доставлен|невозможно|ошибка|возврат|配信|エラー|送信|不能|失敗|退信|退回|失败|无法|無法|반송|실패|تعذر|לא נמסר
"""
)
