"""Auf Deutsch."""

WORDS = {
    # the screens
    "servers": "<b>Server</b>\nBitte wählen Sie einen Server.",
    "all_servers": "Alle Server",
    "heading": "<b>{server}</b> · {screen}",
    "bold": "<b>{text}</b>",
    "menu_question": "Was möchten Sie sehen?",
    "status": "Status",
    "conferences": "Laufende Konferenzen",
    "online": "Benutzer online",
    "forgotten": "Vergessene Konferenzen",
    "read_at": "<i>Stand: {time}</i>",
    "moment_with_date": "%d.%m.%Y %H:%M:%S",
    "page": "Seite {number} von {total}",
    "state_up": "Der Server läuft",
    "state_service_down": "Der Dienst antwortet nicht (Port {port}: {reason}), die Website schon",
    "state_service_fails": "Der Dienst meldet einen Fehler (Port {port}: {reason}), die Website antwortet",
    "state_web_down": "Die Website antwortet nicht: {reason}. Vom Browser aus kann niemand teilnehmen, und der Bot sieht und beendet keine Konferenzen. Der Dienst TrueConf Server läuft",
    "state_web_untrusted": "Die Website hat die Sicherheitsprüfung nicht bestanden: {reason}",
    "state_service_works": "Der Dienst TrueConf Server läuft",
    "state_service_silent": "Der Dienst antwortet nicht (Port {port}: {reason})",
    "state_down": "Der Server antwortet nicht: {reason}",
    "state_down_both": "Der Server antwortet nicht. Website: {web}; Port {port}: {reason}",
    "advice_stopped": "Vermutlich ist der Dienst gestoppt: Starten Sie ihn",
    "advice_filtered": "Vermutlich sperrt eine Firewall den Port: Geben Sie ihn für den Bot frei",
    "advice_hangs": "Vermutlich hängt der Dienst: Starten Sie ihn neu",
    "advice_certificate_untrusted": "Ist es selbstsigniert, geben Sie bei ssl_certificate die Datei ca.crt des Servers an",
    "advice_certificate_chain": "Bei einer eigenen Zertifizierungsstelle geben Sie deren ca.crt bei ssl_certificate an; bei einem gekauften Zertifikat ergänzen Sie auf dem Server das Zwischenzertifikat",
    "advice_certificate_no_names": "Stellen Sie das Zertifikat neu aus, mit dem Servernamen in subjectAltName",
    "advice_certificate_expired": "Erneuern Sie das Zertifikat auf dem Server und prüfen Sie die Uhr des Computers, auf dem der Bot läuft",
    "advice_certificate_name": "Tragen Sie bei ip den Namen ein, auf den es lautet",
    "advice_ca_file": "Prüfen Sie den Pfad",
    "advice_no_route": "Prüfen Sie das Netzwerk",
    "advice_name_not_found": "Prüfen Sie ip in den Einstellungen und das DNS",
    "error_unreachable": "Die Website des Servers antwortet nicht: {reason}",
    "state_since": "Seit {time} ({duration})",
    "was_up": "Stand {time}: Der Server lief",
    "was_service_down": "Stand {time}: Der Dienst TrueConf Server antwortete nicht",
    "was_web_down": "Stand {time}: Die Website des Servers antwortete nicht",
    "was_down": "Stand {time}: Der Server antwortete nicht",
    "was_monitoring_off": "{was} (Überwachung ist aus)",
    "certificate_until": (
        "Das Zertifikat gilt noch {number} Tag, bis {time}",
        "Das Zertifikat gilt noch {number} Tage, bis {time}",
    ),
    "monitoring_on": "Überwachung eingeschaltet, Intervall: {interval}. Jede Änderung wird Ihnen gemeldet",
    "monitoring_off": "Überwachung ausgeschaltet: Ein Ausfall wird Ihnen nicht gemeldet",
    "silent_monitoring": "Keine Meldung bei Ausfall: {servers}. Einschalten: Server → „Status“",
    "silent_forgotten": "Keine Meldung über vergessene Konferenzen: {servers}. Einschalten: Server → „Vergessene Konferenzen“",
    "silent_all": "alle Server",
    "conferences_none": "Zurzeit läuft keine Konferenz.",
    "conferences_number": ("{number} Konferenz läuft", "{number} Konferenzen laufen"),
    "overview_conferences": "Laufende Konferenzen: {number}",
    "overview_online": "Benutzer online: {number}",
    "untitled": "Ohne Titel",
    "entry_title": "<b>{number}. {title}</b>",
    "entry_server": "Server: {server}",
    "entry_id": 'ID: <a href="{url}">{id}</a>',
    "entry_no_id": "Ohne ID: lässt sich von hier aus nicht beenden",
    "entry_owner": "Besitzer: {owner}",
    "entry_participants": "bisher dabei: {number}",
    "entry_age": "Läuft seit {duration}",
    "entry_realtime": '<a href="{url}">Erweiterte Konferenzsteuerung</a>',
    "stop_hint": "⏹ beendet eine Konferenz (mit Rückfrage)",
    "online_of": "Online: <b>{online}</b> von {accounts}",
    "accounts": ("{number} Konto", "{number} Konten"),
    "online_free": "Verfügbar: {number}",
    "online_in_conference": "In Anruf oder Konferenz: {number}",
    "online_other": "Sonstige: {number}",
    "forgotten_age": "Laufen seit über {age} unbeaufsichtigt: leer, nur noch der Besitzer oder ein Moderator dabei, oder keiner von beiden",
    "forgotten_none": "Es gibt keine vergessenen Konferenzen.",
    "forgotten_number": ("{number} Konferenz gefunden", "{number} Konferenzen gefunden"),
    "forgotten_alerts_on": "Vergessene Konferenzen melden: ein (ab {age})",
    "forgotten_alerts_off": "Vergessene Konferenzen melden: aus",
    "forgotten_empty": "Niemand nimmt teil",
    "forgotten_owner_alone": "Nur der Besitzer nimmt teil",
    "forgotten_leader_alone": "Nur noch eine Person dabei: Besitzer oder Moderator",
    "forgotten_no_leader": (
        "{number} Teilnehmer, aber kein Besitzer oder Moderator gefunden",
        "{number} Teilnehmer, aber kein Besitzer oder Moderator gefunden",
    ),
    "forgotten_age_unknown": "Wie lange sie schon läuft, ist nicht bekannt",
    "forgotten_not_examined": "Wer teilnimmt, war nicht zu ermitteln",
    # times
    "duration_unknown": "unbekannter Zeit",
    "duration_days": "{number}\u00a0d",
    "duration_hours": "{number}\u00a0h",
    "duration_minutes": "{number}\u00a0min",
    "duration_seconds": "{number}\u00a0s",
    # stopping
    "confirm_stop": "<b>Diese Konferenz beenden?</b>",
    "people_now": (
        "Jetzt nimmt {number} Person teil",
        "Jetzt nehmen {number} Personen teil",
    ),
    "people_named": "{now}: {names}",
    "people_others": (
        "{number} weiterer",
        "{number} weitere",
    ),
    "people_guests": (
        "{number} Gast",
        "{number} Gäste",
    ),
    "people_count": (
        "{number} Teilnehmer",
        "{number} Teilnehmer",
    ),
    "people_nobody": "niemand",
    "people_inside": "❗ Konferenzen mit Teilnehmern: {number}",
    "people_unknown": "Wie viele teilnehmen, war nicht zu ermitteln",
    "confirm_limit": "Sie können innerhalb von {limit} bestätigen.",
    "confirm_expired": "Es sind mehr als {limit} vergangen, es wurde nichts beendet. Gehen Sie mit „Zurück“ zur Liste und öffnen Sie die Bestätigung noch einmal.",
    "confirm_stop_all": (
        "<b>{number} Konferenz auf „{server}“ beenden?</b>",
        "<b>{number} Konferenzen auf „{server}“ beenden?</b>",
    ),
    "short_entry": "{number}. {title}",
    "short_entry_people": "{number}. {title} – {people}",
    "and_more": ("…und {number} weitere Konferenz", "…und {number} weitere Konferenzen"),
    "all_are_older": "Laufzeit: über {age}",
    "list_changed": (
        "⚠️ Die Liste hat sich geändert. Es wurde nichts beendet, bitte sehen Sie noch einmal nach."
    ),
    "not_running": "Diese Konferenz läuft nicht mehr.",
    "result_stopped": "✅ Die Konferenz „{title}“ auf „{server}“ ist beendet.",
    "result_still_running": (
        "⚠️ Der Server hat den Befehl angenommen, aber die Konferenz „{title}“ auf „{server}“ läuft noch. "
        "Bitte sehen Sie gleich noch einmal in die Liste."
    ),
    "result_already_over": "Die Konferenz „{title}“ auf „{server}“ war schon zu Ende.",
    "result_failed": "⚠️ Die Konferenz „{title}“ auf „{server}“ wurde nicht beendet.",
    "result_unknown": "⚠️ Ob die Konferenz „{title}“ auf „{server}“ beendet wurde, ist nicht bekannt. Bitte prüfen Sie die Liste.",
    "stop_all_stopped": "✅ „{title}“ beendet",
    "stop_all_still_running": "⚠️ „{title}“ läuft noch",
    "stop_all_already_over": "„{title}“ war schon zu Ende",
    "stop_all_failed": "⚠️ „{title}“ nicht beendet",
    "stop_all_unknown": "⚠️ „{title}“ – unklar, ob beendet",
    "stopped_by": "✅ {who} hat die Konferenz „{title}“ auf „{server}“ beendet.",
    "already_pressed": "{who} hat das Beenden bereits bestätigt. Ihr Tippen hat nichts mehr bewirkt. Mit „Zurück“ sehen Sie, was jetzt läuft.",
    "stopped_all_by": (
        "✅ {who} hat {number} Konferenz auf „{server}“ beendet:",
        "✅ {who} hat {number} Konferenzen auf „{server}“ beendet:",
    ),
    # errors
    "error_wrong_secret": (
        "Der Server hat client_id und client_secret nicht akzeptiert. Vergleichen Sie beide mit "
        "der OAuth2-Anwendung in der Verwaltungsoberfläche des Servers."
    ),
    "error_token_refused": (
        "Der Server lehnt das Token ab, das er gerade selbst ausgestellt hat. Prüfen Sie, ob die "
        "OAuth2-Anwendung aktiviert ist und die Adresse des Servers stimmt."
    ),
    "error_permission": (
        "Es fehlt die Berechtigung <code>{permission}</code>. Aktivieren Sie sie für die "
        "OAuth2-Anwendung in der Verwaltungsoberfläche des Servers."
    ),
    "error_api_version": (
        "Unter dieser Adresse gibt es keine API {version}. Prüfen Sie ip und api_version in den "
        "Einstellungen."
    ),
    "error_conference": "Diese Konferenz gibt es auf dem Server nicht mehr.",
    "error_status": "Der Server hat mit dem HTTP-Fehler {status} geantwortet.",
    "error_in_front": "Nicht TrueConf Server, sondern etwas davor lehnt die Anfrage ab: HTTP {status}. Prüfen Sie Proxy oder Firewall vor dem Server.",
    "error_redirect": (
        "Der Server verweist auf eine andere Adresse: {location}. Wenn das die richtige ist, "
        "tragen Sie sie bei ip ein."
    ),
    "error_not_json": (
        "So antwortet kein TrueConf Server. Prüfen Sie die Adresse, die bei ip eingetragen ist."
    ),
    "error_shape": "In der Antwort des Servers fehlen Angaben, die darin stehen müssten.",
    "error_too_large": "Die Antwort des Servers ist zu groß, um sie zu lesen.",
    "error_endless": "Die Liste des Servers nimmt kein Ende, ihre Seiten wiederholen sich.",
    "reason_refused": "Verbindung abgelehnt",
    "reason_timed_out": "Zeitüberschreitung",
    "reason_no_answer": "Verbindung hergestellt, aber es kam nichts zurück",
    "reason_name_not_found": "Name des Servers im DNS nicht gefunden",
    "reason_no_route": "keine Route zum Server",
    "reason_cut": "Verbindung abgebrochen",
    "reason_not_https": "dieser Port spricht kein HTTPS",
    "reason_ca_file": "die Datei aus ssl_certificate wurde nicht gefunden",
    "reason_certificate_expired": "das Zertifikat ist abgelaufen oder noch nicht gültig",
    "reason_certificate_name": "das Zertifikat ist auf einen anderen Namen ausgestellt",
    "reason_certificate_untrusted": "dem Zertifikat wird nicht vertraut",
    "reason_dns_silent": "DNS antwortet nicht",
    "reason_tls_version": "keine gemeinsame TLS-Version, der Bot spricht 1.2 und 1.3",
    "reason_certificate_no_names": "das Zertifikat nennt keinen Servernamen (subjectAltName fehlt)",
    "reason_certificate_chain": "der Aussteller des Zertifikats ist unbekannt",
    "reason_failed": "Verbindung fehlgeschlagen",
    "reason_http": "HTTP-Fehler {status}",
    # unasked
    "alert_since": "Seit {time} (vor {age})",
    "alert_first": "Beim Start oder nach einer Pause bemerkt, um {time}",
    "alert_up": "Läuft wieder",
    "alert_still": "Unverändert: {duration}, seit {time}",
    "alert_outage_service": "Dienst ohne Antwort: {duration}, {since} – {until}",
    "alert_outage_web": "Website ohne Antwort: {duration}, {since} – {until}",
    "at_most": "höchstens {duration}",
    "alert_taken": "🙋 <b>{server}</b>\n{who} kümmert sich darum.",
    "mark_taken": "🙋 Übernommen von: {who}",
    "taken_already": "{who} kümmert sich schon darum.",
    "outage_over": "Diese Störung ist vorbei.",
    "button_take": "🙋 Ich übernehme",
    "alert_paused": "Pause bis {time}: Es kommen keine Meldungen. Von: {who}",
    "paused": "🔧 Pause bis {time}: Es kommen keine Meldungen",
    "pause_over": "Die Pause ist vorbei",
    "pause_nothing": "In dieser Zeit hat sich nichts geändert",
    "pause_changes": "In dieser Zeit: {changes}",
    "button_pause": "🔧 Pause {duration}",
    "button_pause_end": "🔧 Pause beenden",
    "certificate_ends": (
        "Zertifikat läuft in {number} Tag ab: {time}",
        "Zertifikat läuft in {number} Tagen ab: {time}",
    ),
    "certificate_advice": "Danach lehnen Browser und dieser Bot den Server ab. Erneuern Sie das Zertifikat.",
    "unsteady": (
        "⚠️ Instabil: {number} der letzten Prüfungen ergab etwas anderes",
        "⚠️ Instabil: {number} der letzten Prüfungen ergaben etwas anderes",
    ),
    "alert_outage": "Ausfall: {duration}, {since} – {until}",
    "alert_own_network_one": "📡 Der Server antwortet. Der Bot selbst war {duration} offline: {since} – {until}.",
    "alert_own_network": "📡 Alle Server antworten. Der Bot selbst war {duration} offline: {since} – {until}.",
    "alert_missed": "📡 Verspätet: {news}\nTelegram war nicht erreichbar: {since} – {until}.",
    "alert_several": "{number} Meldungen: {news}",
    "alert_news_more": "{news} und {number} weitere",
    "alert_forgotten": "🕓 Vergessen? <b>{title}</b>",
    "alert_forgotten_why": "{reason}, läuft seit {duration}",
    "alert_forgotten_list": (
        "🕓 Vergessen? {number} Konferenz auf „{server}“:",
        "🕓 Vergessen? {number} Konferenzen auf „{server}“:",
    ),
    "alert_stopped": "✅ <b>{title}</b>",
    "mark_stopped": "Beendet um {time}: {who}",
    "mark_reminder": "🔔 Erinnerung um {time}: {who}",
    "mark_not_forgotten": "✔️ Nicht vergessen: {who}, {time}",
    "reminder_off": "Meldungen über vergessene Konferenzen sind für diesen Server aus, deshalb kommt keine Erinnerung. Schalten Sie sie unter „Vergessene Konferenzen“ ein.",
    "reminder_set": "Sie werden in {pause} erinnert, falls die Konferenz dann noch läuft.",
    "not_forgotten_set": "In Ordnung. Diese Sitzung der Konferenz wird nicht mehr gemeldet.",
    # access and commands
    "stranger": "Sie haben keinen Zugriff auf diesen Bot. Ihre ID: <code>{id}</code>\nBitten Sie den Administrator des Bots, diese ID bei <code>tg-users-id</code> einzutragen.",
    "stranger_popup": "Sie haben keinen Zugriff. Ihre ID: {id}",
    "bot_failed": "Das ist dem Bot nicht gelungen. Der Grund steht in seinem Protokoll.",
    "your_id": "Ihre ID: <code>{id}</code>",
    "group_id": "ID dieser Gruppe: <code>{id}</code>",
    "topic_id": 'Für Meldungen nur in dieses Thema: <code>"{id}:{topic}"</code>',
    "id_anonymous": "Sie sind hier anonym: Telegram sagt dem Bot nicht, wer Sie sind, und Ihre anderen Befehle führt er nicht aus. Schalten Sie die Anonymität in Ihren Administratorrechten aus, oder schreiben Sie dem Bot in einem privaten Chat.",
    "out_of_date": "Diese Schaltfläche ist veraltet. Öffnen Sie das Menü mit /start neu.",
    "not_saved": "Das gilt nur bis zum Neustart des Bots: Die Einstellungen wurden nicht gespeichert ({reason}).",
    "not_saved_disk_full": "der Datenträger ist voll",
    "not_saved_read_only": "der Datenträger ist schreibgeschützt",
    "not_saved_not_allowed": "Schreibrechte fehlen, oder ein anderes Programm hält die Datei fest",
    "not_saved_broken": "die Datei wird gerade bearbeitet oder ist fehlerhaft",
    "not_saved_failed": "das Schreiben schlug fehl",
    "not_saved_environment": "sie stehen in der Variablen settings; ändern Sie sie dort, wo sie gesetzt ist",
    "help": (
        "Dieser Bot zeigt, was auf Ihren TrueConf-Servern geschieht.\n\n"
        "/start – Server\n"
        "/status – alle Server in einer Nachricht\n"
        "/id – Ihre Telegram-ID\n"
        "/help – diese Hilfe\n\n"
        "🟢 der Server läuft\n"
        "🟡 der Dienst TrueConf Server antwortet nicht, die Website schon\n"
        "🟠 die Website des Servers antwortet nicht, der Dienst läuft: Vom Browser aus kann niemand teilnehmen, der Bot sieht keine Konferenzen\n"
        "🔴 weder Dienst noch Website antworten\n\n"
        "⏹ beendet eine Konferenz, aber nur, wenn Sie die Schaltfläche drücken und bestätigen. Von selbst beendet der Bot nichts.\n\n"
        "Meldungen schalten Sie je Server ein und aus: bei Ausfall unter „Status“, über vergessene Konferenzen unter „Vergessene Konferenzen“. Auch eine Gruppe kann sie bekommen: Fügen Sie den Bot hinzu, schreiben Sie dort /id und tragen Sie die ID der Gruppe bei tg-users-id ein."
    ),
    "command_start": "Server",
    "command_status": "Alle Server in einer Nachricht",
    "command_id": "Meine Telegram-ID",
    "command_help": "Hilfe",
    # buttons
    "button_back": "← Zurück",
    "button_refresh": "🔄 Aktualisieren",
    "button_previous": "◀",
    "button_next": "▶",
    "button_status": "Status",
    "button_conferences": "Laufende Konferenzen",
    "button_online": "Benutzer online",
    "button_forgotten": "Vergessene Konferenzen",
    "button_all_servers": "Alle Server",
    "button_open": "Öffnen: {server}",
    "button_monitoring_on": "Überwachung einschalten",
    "button_monitoring_off": "Überwachung ausschalten",
    "button_forgotten_alerts_on": "Vergessene ab {age} melden",
    "button_forgotten_alerts_off": "Vergessene nicht mehr melden",
    "button_stop_entry": "⏹ {number}. {title}",
    "button_stop": "⏹ Beenden",
    "button_stop_all": "⏹ Alle beenden: {number}",
    "button_confirm_stop": "Ja, beenden",
    "button_remind": "In {pause} erinnern",
    "button_not_forgotten": "Wird gebraucht",
    "button_chosen": "• {text} •",
    # settings, in the console
    "problem_no_file": "{key}: Diese Datei gibt es nicht.",
    "problem_unreadable": "{key}: Die Datei konnte nicht gelesen werden.",
    "problem_hidden_ending": "{key}: Benennen Sie diese Datei in settings.json um. Windows blendet Endungen aus; im Explorer einschalten: Ansicht, Dateinamenerweiterungen.",
    "problem_encoding": (
        "{key}: Die Codierung ist nicht UTF-8. Speichern Sie die Datei als UTF-8 (im "
        "Windows-Editor: „Speichern unter“, „Codierung“)."
    ),
    "problem_utf_16": "{key}: Diese Datei ist in UTF-16 gespeichert. Speichern Sie sie als UTF-8 (im Windows-Editor: „Speichern unter“, „Codierung“).",
    "problem_dotenv_quotes": "{key}: Setzen Sie alles, was auf settings= folgt, in einfache Anführungszeichen: settings='{{ … }}'. Ein ' darin schreiben Sie als \\'.",
    "problem_empty": "{key}: Hier steht nichts; erwartet werden die Einstellungen als JSON.",
    "problem_json": (
        "{key}, Zeile {line}, Spalte {column}: Das ist kein gültiges JSON. Oft fehlt ein Komma, "
        "ein Anführungszeichen oder eine Klammer, oder es ist eins zu viel."
    ),
    "problem_json_comma": "{key}, Zeile {line}, Spalte {column}: Das ist kein gültiges JSON. Vielleicht fehlt am Ende von Zeile {before} ein Komma.",
    "problem_json_quotes": '{key}, Zeile {line}, Spalte {column}: In JSON gibt es nur das gerade doppelte Anführungszeichen: ". Ersetzen Sie hier die typografischen oder einfachen.',
    "problem_json_character": "{key}, Zeile {line}, Spalte {column}: Hier steht ein Zeichen, das in JSON nicht erlaubt ist und vielleicht unsichtbar: {name}. Löschen Sie es und tippen Sie diese Stelle neu.",
    "problem_json_escape": "{key}, Zeile {line}, Spalte {column}: In JSON steht ein Backslash doppelt: C:\\\\certs\\\\ca.crt. Oder schreiben Sie einen Schrägstrich: C:/certs/ca.crt.",
    "problem_backslash": "{key}: In JSON steht ein Backslash doppelt: C:\\\\certs\\\\ca.crt. Oder schreiben Sie einen Schrägstrich: C:/certs/ca.crt.",
    "problem_not_object": (
        "Die Einstellungen müssen mit {{ beginnen und mit }} enden, wie in settings.json.example."
    ),
    "problem_twice": "Der Schlüssel „{key}“ kommt doppelt vor. Lassen Sie nur einen stehen.",
    "problem_missing": "Der Schlüssel {key} fehlt.",
    "problem_blank": "{key} ist leer, bitte ausfüllen.",
    "problem_placeholder": "Bei {key} steht noch der Platzhalter {found} aus dem Beispiel. Ersetzen Sie ihn durch Ihren eigenen Wert, ohne die spitzen Klammern.",
    "problem_brackets": "{key}: Entfernen Sie die spitzen Klammern &lt; &gt; um den Wert.",
    "problem_not_text": "{key} muss ein Text in Anführungszeichen sein.",
    "problem_number": "{key} ist {found}, erwartet wird eine Zahl von {least} bis {most}.",
    "problem_switch": "{key} ist {found}, erwartet wird 1 (ein) oder 0 (aus).",
    "problem_choice": "{key} ist {found}, möglich sind: {choices}.",
    "problem_token": (
        "{key} sieht nicht wie ein Token von BotFather aus: Ziffern, ein Doppelpunkt, etwa 35 "
        "Buchstaben und Ziffern."
    ),
    "problem_users": (
        "{key} ist {found}, erwartet wird eine Liste von IDs, zum Beispiel [123456789, 987654321]."
    ),
    "problem_user": '{key} ist {found}, erwartet wird eine Telegram-ID aus Ziffern, zum Beispiel 123456789, oder ein Thema einer Gruppe: "-1001234567890:17".',
    "problem_nobody": "{key}: {found} ist keine ID einer Person. Telegram setzt sie für anonyme Administratoren, Kanäle und sich selbst ein; damit könnte jeder den Bot benutzen. Tragen Sie die ID einer Person ein; @userinfobot nennt sie.",
    "problem_quiet_hours": '{key} ist {found}, erwartet werden zwei Uhrzeiten, zum Beispiel "22:00-07:00".',
    "problem_only_groups": (
        "{key} enthält nur Gruppen. Ergänzen Sie die ID von mindestens einer Person."
    ),
    "problem_address": "{key} ist keine Adresse. Sie hat die Form Schema://Name:Port; das Schema ist eines von: {schemes}.",
    "problem_proxy_link": "{key}: Das ist ein Link für die Apps von Telegram. Einen MTProto-Proxy kann ein Bot nicht benutzen; er braucht HTTP oder SOCKS5, zum Beispiel socks5h://Name:1080.",
    "problem_proxy_password": "{key}: Name oder Passwort des Proxys enthält ein Zeichen, das in einer Adresse als Code geschrieben wird: # ist %23, / ist %2F, ? ist %3F, [ ist %5B, ] ist %5D, \\ ist %5C, @ ist %40.",
    "problem_api_url_bot": "{key}: Lassen Sie /bot und alles danach weg, das ergänzt der Bot selbst. Nötig ist nur die Adresse, zum Beispiel http://127.0.0.1:8081.",
    "problem_section": "{key} ist {found}, erwartet wird ein Abschnitt in geschweiften Klammern.",
    "problem_server_name": "{key}: Der Name eines Servers ist leer.",
    "problem_ip": (
        "{key} ist {found}, erwartet wird die Adresse oder der Name des Servers, zum Beispiel "
        "192.168.0.1 oder video.example.org:8443."
    ),
    "problem_certificate": (
        "{key} ist {found}, erwartet wird true, false oder der Pfad zu einer Datei ca.crt."
    ),
    "problem_no_certificate": "{key}: Die Datei {found} wurde nicht gefunden.",
    "problem_bad_certificate": "{key}: Die Datei {found} enthält kein Zertifikat im PEM-Format. Eine solche Datei beginnt mit -----BEGIN CERTIFICATE-----.",
    "problem_unknown": "{key}: Diesen Schlüssel kennt der Bot nicht, er wird ignoriert.",
    "problem_unknown_near": "{key}: Diesen Schlüssel kennt der Bot nicht. Meinten Sie {near}?",
    "problem_unencrypted": (
        "{key}: http:// ist unverschlüsselt, client_secret lässt sich unterwegs mitlesen."
    ),
    "problem_unencrypted_api": "{key}: http:// zu einem anderen Computer ist unverschlüsselt, und in der Adresse jeder Anfrage steht das Token des Bots.",
    "problem_unchecked": (
        "{key}: Bei false wird das Zertifikat nicht geprüft, und jeder kann sich als dieser "
        "Server ausgeben."
    ),
    "command_line": "Ein Telegram-Bot für Administratoren von TrueConf Server.",
    "settings_wrong": "Die Einstellungen ({source}) müssen korrigiert werden:",
    "settings_help_file": (
        "README.md beschreibt alle Schlüssel, settings.json.example ist eine Vorlage."
    ),
    "settings_none": (
        "Es gibt noch keine Einstellungen. So geht es weiter:\n"
        "1. Kopieren Sie settings.json.example nach settings.json und füllen Sie die Datei aus.\n"
        "2. Oder probieren Sie es ohne Konto und ohne Server aus: {python} main.py --demo\n"
        "3. Oder folgen Sie README.md: Dort steht, wie man einen Bot und eine OAuth2-Anwendung "
        "anlegt."
    ),
    "settings_none_replit": (
        "Es gibt kein Secret namens settings. Öffnen Sie in Replit den Bereich Secrets, legen Sie den "
        "Schlüssel settings an und fügen Sie als Wert den Inhalt von settings.json ein. Auch ein "
        "Deployment braucht dieses Secret."
    ),
    "token_refused": (
        "Telegram hat das Token des Bots (tg-api-token) nicht akzeptiert. Kopieren Sie es bei "
        "@BotFather noch einmal: /mybots, Ihr Bot, API Token."
    ),
    "token_refused_api": "{url}, die Adresse in tg-api-url, hat das Token des Bots nicht akzeptiert. Prüfen Sie die Adresse und tg-api-token.",
    # What is wrong on the way to Telegram, in the log and in --check
    "telegram_silent": "Telegram ist nicht erreichbar ({reason}). Prüfen Sie die Internetverbindung; wo Telegram gesperrt ist, tragen Sie in tg-proxy einen Proxy ein.",
    "telegram_by_proxy": "Telegram ist über den Proxy {proxy} nicht erreichbar ({reason}). Prüfen Sie seine Adresse in {where} und ob er läuft.",
    "telegram_proxy_login": "Telegram ist nicht erreichbar: Der Proxy {proxy} akzeptiert Name und Passwort nicht. Prüfen Sie beides in {where}; Sonderzeichen schreibt man so: %23 für #, %2F für /, %40 für @, %3A für :.",
    "telegram_proxy_refuses": "Telegram ist nicht erreichbar: Der Proxy {proxy} lehnt die Verbindung dorthin ab. Bitten Sie seinen Betreiber, api.telegram.org, Port 443, zu erlauben, oder tragen Sie in {where} einen anderen Proxy ein.",
    "telegram_proxy_cannot": "Telegram ist nicht erreichbar: Der Proxy {proxy} antwortet, erreicht Telegram aber auch nicht. Tragen Sie in {where} einen anderen Proxy ein.",
    "telegram_proxy_address": "Telegram ist nicht erreichbar: In {where} steht ein Proxy, den der Bot nicht nutzen kann ({proxy}). Schreiben Sie http://Adresse:Port oder socks5h://Adresse:Port.",
    "telegram_ca_file": "Telegram ist nicht erreichbar: Die Datei aus der Umgebungsvariablen {where} gibt es nicht, oder sie enthält keine Zertifikate. Korrigieren Sie den Pfad, oder entfernen Sie die Variable.",
    "telegram_certificate": "Telegram ist nicht erreichbar: {reason}. Unterwegs prüft jemand verschlüsselte Verbindungen, etwa ein Firmenproxy oder ein Virenscanner. Tragen Sie den Pfad seines CA-Zertifikats in die Umgebungsvariable REQUESTS_CA_BUNDLE ein.",
    "telegram_foreign": "Telegram ist nicht erreichbar: Unterwegs antwortet etwas an seiner Stelle (HTTP {status}), etwa die Anmeldeseite eines Netzes. Öffnen Sie auf diesem Computer eine beliebige Website, um sie zu sehen.",
    "telegram_foreign_api": "Telegram ist nicht erreichbar: Unter {where}, der Adresse in tg-api-url, antwortet kein Bot-API-Server (HTTP {status}). Korrigieren Sie tg-api-url.",
    "telegram_second_copy": "409 Conflict: Dieser Bot läuft noch ein zweites Mal; beenden Sie eines davon.",
    "telegram_webhook": "409 Conflict: Jemand hat für diesen Bot einen Webhook gesetzt, deshalb kommen keine Nachrichten an. Der Bot entfernt ihn jetzt. Geschieht das wieder, nutzt ein anderes Programm dasselbe Token.",
    "system_proxy": "den Proxy-Einstellungen dieses Computers",
    # --check and --demo, in the console
    "check_settings": "Einstellungen: {source}",
    "check_all_well": "Alles in Ordnung: Starten Sie {python} main.py",
    "check_not_well": "Korrigieren Sie die Zeilen mit [!!] und prüfen Sie noch einmal.",
    "check_proxy": "Proxy für Telegram: {host}",
    "check_telegram": "Telegram: Der Bot heißt @{name}",
    "check_user": "An Benutzer {id} kann der Bot schreiben",
    "check_user_silent": "An Benutzer {id} kann der Bot nicht schreiben. Er muss https://t.me/{name} öffnen und „Starten“ drücken; prüfen Sie auch die ID.",
    "check_group": "In die Gruppe {id} kann der Bot schreiben",
    "check_group_silent": "In die Gruppe {id} kann der Bot nicht schreiben. Fügen Sie @{name} hinzu; /id in der Gruppe zeigt ihre ID.",
    "check_name": "Der Name {host} wurde gefunden: {address}",
    "check_name_not_found": "Der Name {host} wurde nicht gefunden. Prüfen Sie ip in den Einstellungen und die DNS-Einstellungen dieses Computers.",
    "check_service": "Der Dienst auf Port {port} antwortet",
    "check_service_silent": 'Port {port}: {reason}. Starten Sie den Dienst TrueConf Server oder öffnen Sie den Port für diesen Computer; ist er absichtlich zu, setzen Sie "port": 0 in server_status.',
    "check_web": "Der Webdienst antwortet, sein Zertifikat stimmt: {url}",
    "check_web_unchecked": "Der Webdienst antwortet, sein Zertifikat wird nicht geprüft: {url}",
    "check_web_plain": "Der Webdienst antwortet, ohne Verschlüsselung: {url}",
    "check_ca_file": "{url}: {reason}. Prüfen Sie den Pfad.",
    "check_certificate_untrusted": '{url}: {reason}. Ist das Zertifikat selbstsigniert, laden Sie ca.crt in der Verwaltungsoberfläche des Servers herunter (Web → HTTPS), legen Sie die Datei neben settings.json und setzen Sie "ssl_certificate": "ca.crt".',
    "check_certificate_chain": '{url}: {reason}. Bei einer eigenen Zertifizierungsstelle legen Sie deren ca.crt neben settings.json und tragen "ssl_certificate": "ca.crt" ein; bei einem gekauften Zertifikat ergänzen Sie auf dem Server das Zwischenzertifikat.',
    "check_certificate_no_names": "{url}: {reason}. Stellen Sie das Zertifikat neu aus, mit dem Servernamen in subjectAltName.",
    "check_certificate_name": "{url}: {reason}. Tragen Sie bei ip den Namen ein, auf den das Zertifikat lautet.",
    "check_certificate_expired": "{url}: {reason}. Erneuern Sie das Zertifikat auf dem Server und prüfen Sie die Uhr dieses Computers.",
    "check_web_silent": "Der Webdienst {url}: {reason}. Prüfen Sie ip und den Port in den Einstellungen und ob ein Browser auf diesem Computer die Adresse öffnet.",
    "check_log_file": "log-file: Den Ordner {folder} gibt es nicht. Legen Sie ihn an oder wählen Sie einen anderen Pfad.",
    "check_clock": "Die Uhren des Servers und dieses Computers weichen um {difference} voneinander ab. Schalten Sie die Zeitsynchronisierung ein.",
    "check_clock_right": "Die Uhren des Servers und dieses Computers stimmen überein",
    "check_login": "client_id und client_secret stimmen",
    "check_permission": "Die Berechtigung {permission} ist da",
    "option_settings": "eine andere Einstellungsdatei als settings.json neben main.py",
    "option_check": "Einstellungen, Telegram und Server prüfen und das Programm beenden",
    "check_version": "API {version} antwortet",
    "check_no_version": "Dieser Server hat keine der API-Versionen, die der Bot kennt ({versions}). Prüfen Sie ip.",
    "check_other_version": "Die API {wanted} gibt es auf diesem Server nicht, aber {version} antwortet. Tragen Sie sie bei api_version ein, oder entfernen Sie diesen Schlüssel.",
    "check_dns_silent": "DNS antwortet nicht, der Name {host} lässt sich nicht prüfen. Prüfen Sie das Netzwerk dieses Computers.",
    "check_zone": "Dieser Computer kennt die Zeitzone {zone} aus dem Protokoll des Servers nicht, daher ist die Dauer von Konferenzen eventuell unbekannt. Windows: pip install tzdata.",
    "report_begins": "Bericht für die Entwickler des Bots: nur Statuscodes, Namen und Typen der Felder. Er enthält keine Werte, Namen oder Adressen.",
    "report_ends": "Senden Sie die Zeilen dieses Berichts an die Entwickler: Legen Sie ein Issue auf der Seite an, von der Sie den Bot heruntergeladen haben.",
    "option_report": "außerdem ausgeben, welche Felder der Server liefert, ohne Werte: für die Entwickler des Bots",
    "option_demo": "den Bot ohne Konto und ohne Server zeigen",
    "option_version": "die Version zeigen, und das Programm beenden",
    "demo_running": "Demo: {url}\nBeenden: Strg+C",
    "demo_in_telegram": "Demo: Die Server sind simuliert, der Bot antwortet in Telegram. Server aus- und einschalten: {url}\nAlle in tg-users-id bekommen seine Meldungen. Läuft Ihr eigener Bot, beenden Sie ihn zuerst: Zwei können sich kein Token teilen. Demo beenden: Strg+C",
}
