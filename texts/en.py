"""In English."""

WORDS = {
    # the screens
    "servers": "<b>Servers</b>\nChoose a server.",
    "all_servers": "All servers",
    "heading": "<b>{server}</b> · {screen}",
    "bold": "<b>{text}</b>",
    "menu_question": "What would you like to see?",
    "status": "Status",
    "conferences": "Running conferences",
    "online": "Online users",
    "forgotten": "Forgotten conferences",
    "read_at": "<i>As of {time}</i>",
    "moment_with_date": "%Y-%m-%d %H:%M:%S",
    "page": "Page {number} of {total}",
    "state_up": "The server is up",
    "state_service_down": "The TrueConf Server service does not respond (port {port}: {reason}), its website does",
    "state_service_fails": "The TrueConf Server service fails (port {port}: {reason}), its website responds",
    "state_web_down": "The server's website does not respond: {reason}. Nobody can join from a browser, and the bot sees and stops no conferences. The TrueConf Server service is up",
    "state_web_untrusted": "The server's website failed the security check: {reason}",
    "state_service_works": "The TrueConf Server service is up",
    "state_service_silent": "The TrueConf Server service does not respond (port {port}: {reason})",
    "state_down": "The server does not respond: {reason}",
    "state_down_both": "The server does not respond. Website: {web}; port {port}: {reason}",
    "advice_stopped": "The service has probably been stopped: start it",
    "advice_filtered": "A firewall probably blocks the port: open it for the bot",
    "advice_hangs": "The service probably hangs: restart it",
    "advice_certificate_untrusted": "If it is self-signed, name the server's ca.crt in ssl_certificate",
    "advice_certificate_expired": "Renew the certificate on the server and check the clock of the bot's computer",
    "advice_certificate_name": "Put the name that it was issued for into ip",
    "advice_ca_file": "Check the path",
    "advice_no_route": "Check the network",
    "advice_name_not_found": "Check ip in the settings and the DNS",
    "state_since": "Since {time} ({duration})",
    "monitoring_on": "Monitoring is on: every {interval}. I will tell you when something changes",
    "monitoring_off": "Monitoring is off: I will not tell you of an outage",
    "conferences_none": "No conference is running now.",
    "conferences_number": ("{number} conference is running", "{number} conferences are running"),
    "overview_conferences": "Running conferences: {number}",
    "overview_online": "Users online: {number}",
    "untitled": "Untitled",
    "entry_title": "<b>{number}. {title}</b>",
    "entry_server": "Server: {server}",
    "entry_id": 'ID: <a href="{url}">{id}</a>',
    "entry_no_id": "No ID: it cannot be stopped from here",
    "entry_owner": "Owner: {owner}",
    "entry_participants": "joined so far: {number}",
    "entry_age": "Running for {duration}",
    "entry_realtime": '<a href="{url}">Advanced conference management</a>',
    "stop_hint": "⏹ stops a conference (I will ask you to confirm)",
    "online_of": "Online: <b>{online}</b> of {accounts}",
    "accounts": ("{number} account", "{number} accounts"),
    "online_free": "Free: {number}",
    "online_busy": "Busy: {number}",
    "online_in_conference": "In a conference: {number}",
    "online_other": "Other: {number}",
    "forgotten_age": "Running for more than {age} with nobody in charge: empty, only the owner or one moderator left, or neither of them there",
    "forgotten_none": "There are no forgotten conferences.",
    "forgotten_number": ("{number} conference found", "{number} conferences found"),
    "forgotten_alerts_on": "Alerts about forgotten conferences: on (over {age})",
    "forgotten_alerts_off": "Alerts about forgotten conferences: off",
    "forgotten_empty": "Nobody is in it",
    "forgotten_owner_alone": "Only its owner is in it",
    "forgotten_moderator_alone": "One person is left in it: the owner or a moderator",
    "forgotten_no_leader": (
        "{number} person is in it, but no owner or moderator was found",
        "{number} people are in it, but no owner or moderator was found",
    ),
    "forgotten_age_unknown": "It is not known how long it has been running",
    "forgotten_not_examined": "Could not find out who is in it",
    # times
    "duration_unknown": "an unknown time",
    "duration_days": "{number}\u00a0d",
    "duration_hours": "{number}\u00a0h",
    "duration_minutes": "{number}\u00a0min",
    "duration_seconds": "{number}\u00a0s",
    # stopping
    "confirm_stop": "<b>Stop this conference?</b>",
    "people_now": ("{number} person is in it now", "{number} people are in it now"),
    "people_unknown": "Could not find out how many people are in it",
    "confirm_limit": "You can confirm within {limit}.",
    "confirm_expired": "More than {limit} have passed, so nothing was stopped. Press Back and open the confirmation again.",
    "confirm_stop_all": (
        "<b>Stop {number} conference on “{server}”?</b>",
        "<b>Stop {number} conferences on “{server}”?</b>",
    ),
    "short_entry": "{number}. {title}",
    "and_more": ("…and {number} more conference", "…and {number} more conferences"),
    "all_are_older": "Running for more than {age}",
    "list_changed": "⚠️ The list has changed. Nothing was stopped, please look again.",
    "not_running": "This conference is no longer running.",
    "result_stopped": "✅ The conference “{title}” on “{server}” is stopped.",
    "result_still_running": (
        "⚠️ The server accepted the command, but the conference “{title}” on “{server}” is still running. "
        "Look at the list again in a moment."
    ),
    "result_already_over": "The conference “{title}” on “{server}” was already over.",
    "result_failed": "⚠️ The conference “{title}” on “{server}” was not stopped.",
    "result_unknown": "⚠️ It is not known whether the conference “{title}” on “{server}” was stopped. Check the list.",
    "stop_all_stopped": "✅ “{title}” stopped",
    "stop_all_still_running": "⚠️ “{title}” still running",
    "stop_all_already_over": "“{title}” already over",
    "stop_all_failed": "⚠️ “{title}” not stopped",
    "stop_all_unknown": "⚠️ “{title}” – not known whether stopped",
    "stopped_by": "✅ The conference “{title}” on “{server}” was stopped by {who}.",
    "already_pressed": "{who} has already confirmed a stop here. Your press changed nothing. Press Back to see what is running now.",
    "stopped_all_by": (
        "✅ {who} stopped {number} conference on “{server}”:",
        "✅ {who} stopped {number} conferences on “{server}”:",
    ),
    # errors
    "error_wrong_secret": (
        "The server did not accept client_id and client_secret. Compare them with the OAuth2 "
        "application in the server's control panel."
    ),
    "error_token_refused": (
        "The server refused the token it has just issued. Check that the OAuth2 "
        "application is enabled and that the server's address is right."
    ),
    "error_permission": (
        "The permission <code>{permission}</code> is missing. Tick it for the OAuth2 application "
        "in the server's control panel."
    ),
    "error_api_version": (
        "There is no API {version} at this address. Check ip and api_version in the settings."
    ),
    "error_conference": "The server no longer has this conference.",
    "error_status": "The server answered with HTTP error {status}.",
    "error_redirect": (
        "The server points to another address: {location}. If that is the right one, put it "
        "into ip."
    ),
    "error_not_json": "This is not how a TrueConf Server answers. Check the address in ip.",
    "error_shape": "The server's answer is missing expected data.",
    "error_too_large": "The server's answer is too large to be read.",
    "error_endless": "The server's list does not end: its pages repeat.",
    "reason_refused": "connection refused",
    "reason_timed_out": "timed out",
    "reason_no_answer": "connected, but no answer came",
    "reason_name_not_found": "the server's name was not found in DNS",
    "reason_no_route": "no route to the server",
    "reason_cut": "the connection was lost",
    "reason_not_https": "this port does not speak HTTPS",
    "reason_ca_file": "the file named in ssl_certificate was not found",
    "reason_certificate_expired": "the certificate has expired or is not valid yet",
    "reason_certificate_name": "the certificate was issued for another name",
    "reason_certificate_untrusted": "the certificate is not trusted",
    "reason_failed": "the connection failed",
    "reason_http": "HTTP error {status}",
    # unasked
    "alert_since": "Since {time} ({age} ago)",
    "alert_first": "Noticed at the start or after a break, at {time}",
    "alert_up": "Up again",
    "alert_outage": "It was down for {duration}: {since} – {until}",
    "alert_own_network_one": "📡 The server answers. The bot itself was offline for {duration}: {since} – {until}.",
    "alert_own_network": "📡 All servers answer. The bot itself was offline for {duration}: {since} – {until}.",
    "alert_missed": "📡 Late: {news}\nTelegram could not be reached: {since} – {until}.",
    "alert_several": "{number} messages: {news}",
    "alert_news_more": "{news} and {number} more",
    "alert_forgotten": "🕓 Forgotten? <b>{title}</b>",
    "alert_forgotten_why": "{reason}, running for {duration}",
    "alert_forgotten_list": (
        "🕓 Forgotten? {number} conference on “{server}”:",
        "🕓 Forgotten? {number} conferences on “{server}”:",
    ),
    "alert_stopped": "✅ <b>{title}</b>",
    "mark_stopped": "Stopped at {time}: {who}",
    "mark_reminder": "🔔 Reminder at {time}: {who}",
    "mark_not_forgotten": "✔️ Not forgotten: {who}, {time}",
    "reminder_off": "Alerts about forgotten conferences are off for this server, so there will be no reminder. You can turn them on under “Forgotten conferences”.",
    "reminder_set": "I will remind you in {pause} if the conference is still running.",
    "not_forgotten_set": "All right. I will not mention this run of the conference again.",
    # access and commands
    "stranger": "You have no access to this bot. Your ID: <code>{id}</code>\nAsk the administrator of the bot to add this ID to <code>tg-users-id</code>.",
    "stranger_popup": "You have no access. Your ID: {id}",
    "bot_failed": "The bot failed at this. Its log says why.",
    "your_id": "Your ID: <code>{id}</code>",
    "group_id": "ID of this group: <code>{id}</code>",
    "topic_id": 'For alerts in this topic alone: <code>"{id}:{topic}"</code>',
    "id_anonymous": "You are anonymous here, so Telegram does not tell the bot who you are, and it follows none of your other commands. Turn “Remain anonymous” off in your administrator rights, or write to the bot in a private chat.",
    "out_of_date": "This button is out of date. Send /start to open the menu again.",
    "not_saved": "This holds only until the bot restarts: the settings were not saved ({reason}).",
    "not_saved_disk_full": "the disk is full",
    "not_saved_read_only": "the disk is read-only",
    "not_saved_not_allowed": "there is no right to write, or another program holds the file",
    "not_saved_broken": "the file is being edited, or it is broken",
    "not_saved_failed": "writing failed",
    "not_saved_environment": "they are in the variable settings; change it where it is set",
    "help": (
        "This bot shows what is happening on your TrueConf Servers.\n\n"
        "/start — servers\n"
        "/status — all servers in one message\n"
        "/id — your Telegram ID\n"
        "/help — this help\n\n"
        "🟢 the server is up\n"
        "🟡 the TrueConf Server service does not respond, its website does\n"
        "🟠 the server's website does not respond, the service is up: nobody can join from a browser, the bot sees no conferences\n"
        "🔴 neither the service nor the website responds\n\n"
        "⏹ stops a conference, only when you press the button and confirm. The bot stops nothing by itself."
    ),
    "command_start": "Servers",
    "command_status": "All servers in one message",
    "command_id": "My Telegram ID",
    "command_help": "Help",
    # buttons
    "button_back": "← Back",
    "button_refresh": "🔄 Refresh",
    "button_previous": "◀",
    "button_next": "▶",
    "button_status": "Status",
    "button_conferences": "Running conferences",
    "button_online": "Online users",
    "button_forgotten": "Forgotten conferences",
    "button_all_servers": "All servers",
    "button_open": "Open: {server}",
    "button_monitoring_on": "Turn monitoring on",
    "button_monitoring_off": "Turn monitoring off",
    "button_forgotten_alerts_on": "Turn on forgotten alerts",
    "button_forgotten_alerts_off": "Turn off forgotten alerts",
    "button_stop_entry": "⏹ {number}. {title}",
    "button_stop": "⏹ Stop",
    "button_stop_all": "⏹ Stop all: {number}",
    "button_confirm_stop": "Yes, stop",
    "button_remind": "Remind me in {pause}",
    "button_not_forgotten": "Not forgotten",
    "button_chosen": "• {text} •",
    # settings, in the console
    "problem_no_file": "{key}: there is no such file.",
    "problem_unreadable": "{key}: the file could not be read.",
    "problem_hidden_ending": "{key}: rename this file to settings.json. Windows hides endings; in Explorer turn them on: View, File name extensions.",
    "problem_encoding": (
        "{key}: the encoding is not UTF-8. Save the file as UTF-8 (in Notepad: Save as, Encoding)."
    ),
    "problem_utf_16": "{key}: this file is UTF-16. Save it as UTF-8 (in Notepad: Save as, Encoding).",
    "problem_dotenv_quotes": "{key}: put all that follows settings= between single quotes: settings='{{ … }}'. Write a ' inside as \\'.",
    "problem_empty": "{key}: it is empty; it should hold the settings as JSON.",
    "problem_json": (
        "{key}, line {line}, column {column}: this is not valid JSON. Often a comma, quote "
        "or bracket is missing, or there is one too many."
    ),
    "problem_json_comma": "{key}, line {line}, column {column}: this is not valid JSON. A comma may be missing at the end of line {before}.",
    "problem_json_quotes": '{key}, line {line}, column {column}: JSON knows only the straight double quote: ". Replace the curly or single ones here.',
    "problem_json_character": "{key}, line {line}, column {column}: there is a character here that JSON does not allow, perhaps an invisible one: {name}. Delete it and type this place anew.",
    "problem_json_escape": "{key}, line {line}, column {column}: in JSON a backslash is written twice: C:\\\\certs\\\\ca.crt. Or write a slash: C:/certs/ca.crt.",
    "problem_backslash": "{key}: in JSON a backslash is written twice: C:\\\\certs\\\\ca.crt. Or write a slash: C:/certs/ca.crt.",
    "problem_not_object": (
        "The settings must start with {{ and end with }}, as in settings.json.example."
    ),
    "problem_twice": "The key “{key}” appears twice. Keep one of them.",
    "problem_missing": "The key {key} is missing.",
    "problem_blank": "{key} is empty; please fill it in.",
    "problem_placeholder": "{key} still holds the example's hint {found}; put your own value there, without the brackets.",
    "problem_brackets": "{key}: take away the angle brackets &lt; &gt; around the value.",
    "problem_not_text": "{key} must be text in quotes.",
    "problem_number": "{key} is {found}; it must be a number from {least} to {most}.",
    "problem_switch": "{key} is {found}; it must be 1 (on) or 0 (off).",
    "problem_choice": "{key} is {found}; it must be one of: {choices}.",
    "problem_token": (
        "{key} does not look like a token from BotFather: digits, a colon, about 35 letters and "
        "digits."
    ),
    "problem_users": "{key} is {found}; it must be a list of IDs, such as [123456789, 987654321].",
    "problem_user": '{key} is {found}; it must be a numeric Telegram ID, such as 123456789, or a topic of a group: "-1001234567890:17".',
    "problem_nobody": "{key}: {found} is nobody's ID. Telegram puts it in place of anonymous administrators, channels and itself, so anybody could use the bot with it. Put a person's own ID there; the bot tells it in a private chat: /id.",
    "problem_quiet_hours": '{key} is {found}; it must be two times of day, such as "22:00-07:00".',
    "problem_only_groups": "{key} holds only groups; add the ID of at least one person.",
    "problem_address": "{key} is not an address. It looks like scheme://name:port, where the scheme is one of: {schemes}.",
    "problem_proxy_link": "{key}: this is a link for Telegram's apps. A bot cannot use an MTProto proxy; it needs an HTTP or SOCKS5 one, such as socks5h://name:1080.",
    "problem_proxy_password": "{key}: the name or password of the proxy holds a character that is written as a code in an address: # is %23, / is %2F, ? is %3F, [ is %5B, ] is %5D, \\ is %5C, @ is %40.",
    "problem_api_url_bot": "{key}: leave out /bot and what follows it, the bot adds that itself. Only the address is needed, such as http://127.0.0.1:8081.",
    "problem_section": "{key} is {found}; it must be a section in curly brackets.",
    "problem_server_name": "{key}: the name of a server is empty.",
    "problem_ip": (
        "{key} is {found}; it must be the address or name of the server, such as 192.168.0.1 or "
        "video.example.org:8443."
    ),
    "problem_certificate": "{key} is {found}; it must be true, false or the path of a ca.crt file.",
    "problem_no_certificate": "{key}: the file {found} was not found.",
    "problem_bad_certificate": "{key}: the file {found} holds no certificate in PEM format.",
    "problem_unknown": "{key}: the bot does not know this key and ignores it.",
    "problem_unknown_near": "{key}: the bot does not know this key. Did you mean {near}?",
    "problem_unencrypted": "{key}: http:// is not encrypted, client_secret can be seen on the way.",
    "problem_unencrypted_api": "{key}: http:// to another computer is not encrypted, and the bot's token is in the address of each request.",
    "problem_unchecked": "{key}: false means that anybody can pretend to be this server.",
    "command_line": "A Telegram bot for the administrators of TrueConf Server.",
    "settings_wrong": "The settings ({source}) need correcting:",
    "settings_help_file": "README.md describes all keys, settings.json.example is a sample.",
    "settings_none": (
        "There are no settings yet. You have three options:\n"
        "1. Copy settings.json.example to settings.json and fill it in.\n"
        "2. Try it without an account and without a server: {python} main.py --demo\n"
        "3. Follow README.md: how to register a bot and an OAuth2 application."
    ),
    "settings_none_replit": (
        "There is no secret named settings. In Replit open Secrets, add the key settings and "
        "paste the content of settings.json as its value. A deployment needs the secret too."
    ),
    "token_refused": (
        "Telegram did not accept the bot's token (tg-api-token). Copy it from @BotFather again: "
        "/mybots, your bot, API Token."
    ),
    "token_refused_api": "{url}, the address in tg-api-url, did not accept the bot's token. Check both the address and tg-api-token.",
    # What is wrong on the way to Telegram, in the log and in --check
    "telegram_silent": "Telegram cannot be reached ({reason}). Check the internet connection; where Telegram is blocked, set a proxy in tg-proxy.",
    "telegram_by_proxy": "Telegram cannot be reached through the proxy {proxy} ({reason}). Check its address in {where}, and whether it is running.",
    "telegram_proxy_login": "Telegram cannot be reached: the proxy {proxy} does not accept the name and password. Check them in {where}; write special characters as %23 for #, %2F for /, %40 for @, %3A for :.",
    "telegram_proxy_refuses": "Telegram cannot be reached: the proxy {proxy} refuses to connect to it. Ask whoever runs the proxy to allow api.telegram.org, port 443, or write another proxy into {where}.",
    "telegram_proxy_cannot": "Telegram cannot be reached: the proxy {proxy} answers, but cannot reach Telegram either. Write another proxy into {where}.",
    "telegram_proxy_address": "Telegram cannot be reached: {where} has a proxy that the bot cannot use ({proxy}). Write it as http://host:port or socks5h://host:port.",
    "telegram_ca_file": "Telegram cannot be reached: the file named in the environment variable {where} does not exist or holds no certificates. Correct its path or remove the variable.",
    "telegram_certificate": "Telegram cannot be reached: {reason}. Something on the way inspects encrypted connections, such as a company's proxy or an antivirus. Put the path of its CA certificate into the environment variable REQUESTS_CA_BUNDLE.",
    "telegram_foreign": "Telegram cannot be reached: something on the way answers in its place (HTTP {status}), such as the sign-in page of a network. Open any website on this computer to see it.",
    "telegram_foreign_api": "Telegram cannot be reached: what answers at {where}, the address in tg-api-url, is no Bot API server (HTTP {status}). Correct tg-api-url.",
    "telegram_second_copy": "409 Conflict: another copy of this bot is running; stop one of them.",
    "telegram_webhook": "409 Conflict: somebody has set a webhook for this bot, which keeps messages from it. The bot removes the webhook now. If this happens again, another program uses the same token.",
    "system_proxy": "the proxy settings of this computer",
    # --check and --demo, in the console
    "check_settings": "Settings: {source}",
    "check_all_well": "All is well. Now start {python} main.py",
    "check_not_well": "Correct the lines with [!!] and run the check again.",
    "check_proxy": "Proxy for Telegram: {host}",
    "check_telegram": "Telegram: the bot is @{name}",
    "check_user": "The bot can write to user {id}",
    "check_user_silent": "The bot cannot write to the user {id}. They should open https://t.me/{name} and press Start; check the ID too.",
    "check_group": "The bot can write to group {id}",
    "check_group_silent": "The bot cannot write to the group {id}. Add @{name} to it; /id in the group shows its ID.",
    "check_name": "The name {host} was found: {address}",
    "check_name_not_found": "The name {host} was not found. Check ip in the settings and this computer's DNS.",
    "check_service": "The service on port {port} answers",
    "check_service_silent": 'Port {port}: {reason}. Start the TrueConf Server service or open the port for this computer; if it is closed on purpose, set "port": 0 in server_status.',
    "check_web": "The web part answers and its certificate is right: {url}",
    "check_web_unchecked": "The web part answers, its certificate is not checked: {url}",
    "check_web_plain": "The web part answers, without encryption: {url}",
    "check_ca_file": "{url}: {reason}. Check the path.",
    "check_certificate_untrusted": '{url}: {reason}. If the certificate is self-signed, download ca.crt from the server\'s control panel (Web → HTTPS), put it beside settings.json and set "ssl_certificate": "ca.crt".',
    "check_certificate_name": "{url}: {reason}. Put the name that the certificate was issued for into ip.",
    "check_certificate_expired": "{url}: {reason}. Renew the certificate on the server and check this computer's clock.",
    "check_web_silent": "The web part {url}: {reason}. Check ip and the port in the settings, and whether a browser on this computer opens the address.",
    "check_log_file": "log-file: there is no folder {folder}. Make it or choose another path.",
    "check_clock": "The server's clock and this computer's differ by {difference}. Turn time synchronisation on.",
    "check_clock_right": "The server's clock and this computer's agree",
    "check_login": "client_id and client_secret are right",
    "check_permission": "The permission {permission} is there",
    "option_settings": "a settings file other than settings.json beside main.py",
    "option_check": "check the settings, Telegram and the servers, then stop",
    "option_demo": "show the bot without an account and without a server",
    "demo_running": "Demo: {url}\nTo stop it: Ctrl+C",
    "demo_in_telegram": "Demo: the servers are simulated, the bot answers in Telegram. Switch servers off and on here: {url}\nEverybody in tg-users-id gets its alerts. If your own bot is running, stop it first: two cannot share a token. To stop the demo: Ctrl+C",
    "option_version": "show the version, then end",
}
