"""En español."""

WORDS = {
    # the screens
    "servers": "<b>Servidores</b>\nElija un servidor.",
    "all_servers": "Todos los servidores",
    "heading": "<b>{server}</b> · {screen}",
    "bold": "<b>{text}</b>",
    "menu_question": "¿Qué desea ver?",
    "status": "Estado",
    "conferences": "Conferencias en curso",
    "online": "Usuarios en línea",
    "forgotten": "Conferencias olvidadas",
    "read_at": "<i>Datos de las {time}</i>",
    "moment_with_date": "%d/%m/%Y %H:%M:%S",
    "page": "Página {number} de {total}",
    "state_up": "El servidor funciona",
    "state_service_down": "El servicio no responde (puerto {port}: {reason}), su sitio web sí",
    "state_service_fails": "El servicio da un error (puerto {port}: {reason}), su sitio web responde",
    "state_web_down": "El sitio web no responde: {reason}. Nadie puede entrar desde un navegador, y el bot no ve ni finaliza conferencias. El servicio TrueConf Server funciona",
    "state_web_untrusted": "El sitio web no superó la comprobación de seguridad: {reason}",
    "state_service_works": "El servicio TrueConf Server funciona",
    "state_service_silent": "El servicio no responde (puerto {port}: {reason})",
    "state_down": "El servidor no responde: {reason}",
    "state_down_both": "El servidor no responde. Sitio web: {web}; puerto {port}: {reason}",
    "advice_stopped": "Probablemente el servicio está detenido: inícielo",
    "advice_filtered": "Probablemente un cortafuegos bloquea el puerto: ábralo para el bot",
    "advice_hangs": "Probablemente el servicio está bloqueado: reinícielo",
    "advice_certificate_untrusted": "Si es autofirmado, indique en ssl_certificate el archivo ca.crt del servidor",
    "advice_certificate_chain": "Si la autoridad es propia, indique su ca.crt en ssl_certificate; si el certificado se compró, añada el intermedio en el servidor",
    "advice_certificate_no_names": "Emita de nuevo el certificado, con el nombre del servidor en subjectAltName",
    "advice_certificate_expired": "Renueve el certificado en el servidor y compruebe el reloj del equipo donde se ejecuta el bot",
    "advice_certificate_name": "Indique en ip el nombre para el que se emitió",
    "advice_ca_file": "Compruebe la ruta",
    "advice_no_route": "Revise la red",
    "advice_name_not_found": "Revise ip en la configuración y el DNS",
    "error_unreachable": "El sitio web del servidor no responde: {reason}",
    "state_since": "Desde: {time} ({duration})",
    "was_up": "A las {time} el servidor funcionaba",
    "was_service_down": "A las {time} el servicio TrueConf Server no respondía",
    "was_web_down": "A las {time} el sitio web del servidor no respondía",
    "was_down": "A las {time} el servidor no respondía",
    "was_monitoring_off": "{was} (supervisión desactivada)",
    "certificate_until": (
        "El certificado es válido {number} día más, hasta {time}",
        "El certificado es válido {number} días más, hasta {time}",
    ),
    "monitoring_on": "Supervisión activada: cada {interval}. Le avisaré cuando algo cambie",
    "monitoring_off": "Supervisión desactivada: no le avisaré de una caída",
    "silent_monitoring": "Sin avisos de caídas: {servers}. Para activarlos: servidor → «Estado»",
    "silent_forgotten": "Sin avisos de conferencias olvidadas: {servers}. Para activarlos: servidor → «Conferencias olvidadas»",
    "silent_all": "todos los servidores",
    "conferences_none": "Ahora no hay ninguna conferencia en curso.",
    "conferences_number": (
        "{number} conferencia en curso",
        "{number} conferencias en curso",
    ),
    "overview_conferences": "Conferencias en curso: {number}",
    "overview_online": "Usuarios en línea: {number}",
    "untitled": "Sin título",
    "entry_title": "<b>{number}. {title}</b>",
    "entry_server": "Servidor: {server}",
    "entry_id": 'ID: <a href="{url}">{id}</a>',
    "entry_no_id": "Sin ID: no se puede finalizar desde aquí",
    "entry_owner": "Propietario: {owner}",
    "entry_participants": "han entrado: {number}",
    "entry_age": "En curso: {duration}",
    "entry_realtime": '<a href="{url}">Gestión avanzada de la conferencia</a>',
    "stop_hint": "⏹ finaliza una conferencia (le pediré confirmación)",
    "online_of": "En línea: <b>{online}</b> de {accounts}",
    "accounts": ("{number} cuenta", "{number} cuentas"),
    "online_free": "Disponibles: {number}",
    "online_in_conference": "En una llamada o conferencia: {number}",
    "online_other": "Otros: {number}",
    "forgotten_age": "Llevan más de {age} desatendidas: vacías, solo con el propietario o un moderador, o sin ninguno de los dos",
    "forgotten_none": "No hay conferencias olvidadas.",
    "forgotten_number": (
        "{number} conferencia encontrada",
        "{number} conferencias encontradas",
    ),
    "forgotten_alerts_on": "Avisos de conferencias olvidadas: activados (a partir de {age})",
    "forgotten_alerts_off": "Avisos de conferencias olvidadas: desactivados",
    "forgotten_empty": "No hay nadie en ella",
    "forgotten_owner_alone": "Solo está el propietario",
    "forgotten_leader_alone": "Solo queda una persona: el propietario o un moderador",
    "forgotten_no_leader": (
        "Hay {number} participante, pero no se ve ni al propietario ni a un moderador",
        "Hay {number} participantes, pero no se ve ni al propietario ni a un moderador",
    ),
    "forgotten_age_unknown": "No se sabe cuánto tiempo lleva en curso",
    "forgotten_not_examined": "No se pudo averiguar quién participa",
    # times
    "duration_unknown": "tiempo desconocido",
    "duration_days": "{number}\u00a0d",
    "duration_hours": "{number}\u00a0h",
    "duration_minutes": "{number}\u00a0min",
    "duration_seconds": "{number}\u00a0s",
    # stopping
    "confirm_stop": "<b>¿Finalizar esta conferencia?</b>",
    "people_now": (
        "Ahora hay {number} participante",
        "Ahora hay {number} participantes",
    ),
    "people_named": "{now}: {names}",
    "people_others": (
        "{number} más",
        "{number} más",
    ),
    "people_guests": (
        "{number} invitado",
        "{number} invitados",
    ),
    "people_count": (
        "{number} participante",
        "{number} participantes",
    ),
    "people_nobody": "nadie",
    "people_inside": "❗ Conferencias con participantes: {number}",
    "people_unknown": "No se pudo averiguar cuántos participan",
    "confirm_limit": "Puede confirmar durante {limit}.",
    "confirm_expired": "Han pasado más de {limit}; no se ha finalizado nada. Pulse «Atrás» y vuelva a abrir la confirmación.",
    "confirm_stop_all": (
        "<b>¿Finalizar {number} conferencia en «{server}»?</b>",
        "<b>¿Finalizar {number} conferencias en «{server}»?</b>",
    ),
    "short_entry": "{number}. {title}",
    "short_entry_people": "{number}. {title} – {people}",
    "and_more": ("…y {number} conferencia más", "…y {number} conferencias más"),
    "all_are_older": "Duración: más de {age}",
    "list_changed": "⚠️ La lista ha cambiado. No se ha finalizado nada; revísela de nuevo.",
    "not_running": "Esta conferencia ya no está en curso.",
    "result_stopped": "✅ La conferencia «{title}» en «{server}» se ha finalizado.",
    "result_still_running": (
        "⚠️ El servidor aceptó la orden, pero la conferencia «{title}» en «{server}» sigue en curso. "
        "Vuelva a mirar la lista dentro de un momento."
    ),
    "result_already_over": "La conferencia «{title}» en «{server}» ya había terminado.",
    "result_failed": "⚠️ La conferencia «{title}» en «{server}» no se ha finalizado.",
    "result_unknown": "⚠️ No se sabe si la conferencia «{title}» en «{server}» se ha finalizado. Revise la lista.",
    "stop_all_stopped": "✅ «{title}» finalizada",
    "stop_all_still_running": "⚠️ «{title}» sigue en curso",
    "stop_all_already_over": "«{title}» ya había terminado",
    "stop_all_failed": "⚠️ «{title}» no se ha finalizado",
    "stop_all_unknown": "⚠️ «{title}» – no se sabe si se ha finalizado",
    "stopped_by": "✅ {who} ha finalizado la conferencia «{title}» en «{server}».",
    "already_pressed": "{who} ya lo ha confirmado. Su pulsación no ha cambiado nada. Pulse «Atrás» para ver qué sigue en curso.",
    "stopped_all_by": (
        "✅ {who} ha finalizado {number} conferencia en «{server}»:",
        "✅ {who} ha finalizado {number} conferencias en «{server}»:",
    ),
    # errors
    "error_wrong_secret": (
        "El servidor no aceptó client_id y client_secret. Compárelos con los de la aplicación "
        "OAuth2 en el panel de control del servidor."
    ),
    "error_token_refused": (
        "El servidor rechazó el token que él mismo acaba de emitir. Compruebe que la aplicación "
        "OAuth2 esté activada y que la dirección del servidor sea correcta."
    ),
    "error_permission": (
        "Falta el permiso <code>{permission}</code>. Márquelo en la aplicación OAuth2, en el "
        "panel de control del servidor."
    ),
    "error_api_version": (
        "En esta dirección no existe la API {version}. Revise ip y api_version en la configuración."
    ),
    "error_conference": "Esta conferencia ya no existe en el servidor.",
    "error_status": "El servidor respondió con el error HTTP {status}.",
    "error_in_front": "No es TrueConf Server quien rechaza la petición, sino algo delante de él: HTTP {status}. Compruebe el proxy o el cortafuegos.",
    "error_redirect": (
        "El servidor remite a otra dirección: {location}. Si es la correcta, indíquela en ip."
    ),
    "error_not_json": (
        "La respuesta no parece de un TrueConf Server. Revise la dirección indicada en ip."
    ),
    "error_shape": "En la respuesta del servidor faltan datos que deberían estar.",
    "error_too_large": "La respuesta del servidor es demasiado grande para leerla.",
    "error_endless": "La lista del servidor no termina nunca: sus páginas se repiten.",
    "reason_refused": "conexión rechazada",
    "reason_timed_out": "se agotó el tiempo de espera",
    "reason_no_answer": "hay conexión, pero no llegó ninguna respuesta",
    "reason_name_not_found": "el nombre del servidor no se encontró en el DNS",
    "reason_no_route": "no hay ruta hasta el servidor",
    "reason_cut": "se cortó la conexión",
    "reason_not_https": "este puerto no usa HTTPS",
    "reason_ca_file": "no se encontró el archivo indicado en ssl_certificate",
    "reason_certificate_expired": "el certificado ha caducado o aún no es válido",
    "reason_certificate_name": "el certificado se emitió para otro nombre",
    "reason_certificate_untrusted": "el certificado no es de confianza",
    "reason_dns_silent": "el DNS no responde",
    "reason_tls_version": "no hay una versión de TLS común, el bot usa 1.2 y 1.3",
    "reason_certificate_no_names": "el certificado no nombra ningún servidor (falta subjectAltName)",
    "reason_certificate_chain": "no se conoce al emisor del certificado",
    "reason_failed": "falló la conexión",
    "reason_http": "error HTTP {status}",
    # unasked
    "alert_since": "Desde: {time} (hace {age})",
    "alert_first": "Detectado al iniciar o tras una pausa, a las {time}",
    "alert_up": "Vuelve a funcionar",
    "alert_still": "Sigue así: {duration}, desde {time}",
    "alert_outage_service": "El servicio no respondió durante {duration}: {since} – {until}",
    "alert_outage_web": "El sitio web no respondió durante {duration}: {since} – {until}",
    "at_most": "como máximo {duration}",
    "alert_taken": "🙋 <b>{server}</b>\n{who} se encarga.",
    "mark_taken": "🙋 Se encarga: {who}",
    "taken_already": "{who} ya se encarga.",
    "outage_over": "Esta incidencia ya terminó.",
    "button_take": "🙋 Me encargo yo",
    "alert_paused": "En pausa hasta: {time}. No habrá avisos. Por: {who}",
    "paused": "🔧 En pausa hasta: {time}. No habrá avisos",
    "pause_over": "La pausa terminó",
    "pause_nothing": "Mientras tanto no cambió nada",
    "pause_changes": "Mientras tanto: {changes}",
    "button_pause": "🔧 Pausa {duration}",
    "button_pause_end": "🔧 Terminar la pausa",
    "certificate_ends": (
        "El certificado caduca en {number} día: {time}",
        "El certificado caduca en {number} días: {time}",
    ),
    "certificate_advice": "Después, los navegadores y este bot rechazarán el servidor. Renueve el certificado.",
    "unsteady": (
        "⚠️ Inestable: {number} de las últimas comprobaciones dio otro resultado",
        "⚠️ Inestable: {number} de las últimas comprobaciones dieron otro resultado",
    ),
    "alert_outage": "Estuvo caído {duration}: {since} – {until}",
    "alert_own_network_one": "📡 El servidor responde. El propio bot estuvo sin red {duration}: {since} – {until}.",
    "alert_own_network": "📡 Todos los servidores responden. El propio bot estuvo sin red {duration}: {since} – {until}.",
    "alert_missed": "📡 Con retraso: {news}\nSin conexión con Telegram: {since} – {until}.",
    "alert_several": "{number} avisos: {news}",
    "alert_news_more": "{news} y {number} más",
    "alert_forgotten": "🕓 ¿Olvidada? <b>{title}</b>",
    "alert_forgotten_why": "{reason}, lleva {duration}",
    "alert_forgotten_list": (
        "🕓 ¿Olvidadas? {number} conferencia en «{server}»:",
        "🕓 ¿Olvidadas? {number} conferencias en «{server}»:",
    ),
    "alert_stopped": "✅ <b>{title}</b>",
    "mark_stopped": "Finalizada a las {time}: {who}",
    "mark_reminder": "🔔 Recordatorio a las {time}: {who}",
    "mark_not_forgotten": "✔️ No está olvidada: {who}, {time}",
    "reminder_off": "Los avisos de conferencias olvidadas están desactivados en este servidor, así que no habrá recordatorio. Actívelos en «Conferencias olvidadas».",
    "reminder_set": "Se lo recordaré dentro de {pause} si la conferencia sigue en curso.",
    "not_forgotten_set": "De acuerdo. No volveré a avisar de esta sesión de la conferencia.",
    # access and commands
    "stranger": "No tiene acceso a este bot. Su ID: <code>{id}</code>\nPida al administrador del bot que añada este ID a <code>tg-users-id</code>.",
    "stranger_popup": "No tiene acceso. Su ID: {id}",
    "bot_failed": "El bot no pudo hacerlo. El motivo está en su registro.",
    "your_id": "Su ID: <code>{id}</code>",
    "group_id": "ID de este grupo: <code>{id}</code>",
    "topic_id": 'Para avisos solo en este tema: <code>"{id}:{topic}"</code>',
    "id_anonymous": "Aquí usted es anónimo: Telegram no dice al bot quién es, y este no ejecuta sus demás comandos. Desactive el anonimato en sus derechos de administrador o escriba al bot en un chat privado.",
    "out_of_date": "Este botón ya no es válido. Envíe /start para volver a abrir el menú.",
    "not_saved": "Esto solo vale hasta que se reinicie el bot: la configuración no se guardó ({reason}).",
    "not_saved_disk_full": "el disco está lleno",
    "not_saved_read_only": "el disco es de solo lectura",
    "not_saved_not_allowed": "faltan permisos de escritura u otro programa tiene abierto el archivo",
    "not_saved_broken": "el archivo se está editando o tiene un error",
    "not_saved_failed": "falló la escritura",
    "not_saved_environment": "está en la variable settings; cámbiela donde se definió",
    "help": (
        "Este bot muestra lo que ocurre en sus servidores TrueConf.\n\n"
        "/start — servidores\n"
        "/status — todos los servidores en un mensaje\n"
        "/id — su ID de Telegram\n"
        "/help — esta ayuda\n\n"
        "🟢 el servidor funciona\n"
        "🟡 el servicio TrueConf Server no responde, su sitio web sí\n"
        "🟠 el sitio web del servidor no responde, el servicio funciona: nadie puede entrar desde un navegador y el bot no ve las conferencias\n"
        "🔴 no responden ni el servicio ni el sitio web\n\n"
        "⏹ finaliza una conferencia, solo cuando usted pulsa el botón y confirma. El bot no finaliza nada por su cuenta.\n\n"
        "Los avisos se activan y desactivan en cada servidor: de caídas en «Estado», de conferencias olvidadas en «Conferencias olvidadas». Un grupo también puede recibirlos: añada el bot, escriba allí /id e incluya el ID del grupo en tg-users-id."
    ),
    "command_start": "Servidores",
    "command_status": "Todos los servidores en un mensaje",
    "command_id": "Mi ID de Telegram",
    "command_help": "Ayuda",
    # buttons
    "button_back": "← Atrás",
    "button_refresh": "🔄 Actualizar",
    "button_previous": "◀",
    "button_next": "▶",
    "button_status": "Estado",
    "button_conferences": "Conferencias en curso",
    "button_online": "Usuarios en línea",
    "button_forgotten": "Conferencias olvidadas",
    "button_all_servers": "Todos los servidores",
    "button_open": "Abrir: {server}",
    "button_monitoring_on": "Activar la supervisión",
    "button_monitoring_off": "Desactivar la supervisión",
    "button_forgotten_alerts_on": "Avisar de las de más de {age}",
    "button_forgotten_alerts_off": "No avisar de las olvidadas",
    "button_stop_entry": "⏹ {number}. {title}",
    "button_stop": "⏹ Finalizar",
    "button_stop_all": "⏹ Finalizar todas: {number}",
    "button_confirm_stop": "Sí, finalizar",
    "button_remind": "Recordar en {pause}",
    "button_not_forgotten": "No está olvidada",
    "button_chosen": "• {text} •",
    # settings, in the console
    "problem_no_file": "{key}: este archivo no existe.",
    "problem_unreadable": "{key}: no se pudo leer el archivo.",
    "problem_hidden_ending": "{key}: cambie el nombre de este archivo a settings.json. Windows oculta las extensiones; actívelas en el Explorador: Vista, Extensiones de nombre de archivo.",
    "problem_encoding": (
        "{key}: la codificación no es UTF-8. Guarde el archivo como UTF-8 (en el Bloc de notas: "
        "«Guardar como», «Codificación»)."
    ),
    "problem_utf_16": "{key}: este archivo está en UTF-16. Guárdelo como UTF-8 (en el Bloc de notas: «Guardar como», «Codificación»).",
    "problem_dotenv_quotes": "{key}: ponga todo lo que sigue a settings= entre comillas simples: settings='{{ … }}'. Un ' en su interior se escribe \\'.",
    "problem_empty": "{key}: está vacío; aquí debe estar la configuración en formato JSON.",
    "problem_json": (
        "{key}, línea {line}, columna {column}: esto no es JSON válido. A menudo falta o sobra "
        "una coma, unas comillas, una llave o un corchete."
    ),
    "problem_json_comma": "{key}, línea {line}, columna {column}: esto no es JSON válido. Quizá falta una coma al final de la línea {before}.",
    "problem_json_quotes": '{key}, línea {line}, columna {column}: JSON solo admite comillas dobles rectas: ". Sustituya aquí las tipográficas o las simples.',
    "problem_json_character": "{key}, línea {line}, columna {column}: aquí hay un carácter que JSON no admite, quizá invisible: {name}. Bórrelo y vuelva a escribir este lugar.",
    "problem_json_escape": "{key}, línea {line}, columna {column}: en JSON la barra invertida se escribe dos veces: C:\\\\certs\\\\ca.crt. O escriba una barra normal: C:/certs/ca.crt.",
    "problem_backslash": "{key}: en JSON la barra invertida se escribe dos veces: C:\\\\certs\\\\ca.crt. O escriba una barra normal: C:/certs/ca.crt.",
    "problem_not_object": (
        "La configuración debe empezar con {{ y terminar con }}, como en settings.json.example."
    ),
    "problem_twice": "La clave «{key}» aparece dos veces. Deje solo una.",
    "problem_missing": "Falta la clave {key}.",
    "problem_blank": "{key} no tiene valor; complételo.",
    "problem_placeholder": "{key} conserva la indicación del ejemplo, {found}. Sustitúyala por su propio valor, sin los signos &lt; &gt;.",
    "problem_brackets": "{key}: quite los signos &lt; &gt; que rodean el valor.",
    "problem_not_text": "{key} debe ser un texto entre comillas.",
    "problem_number": "{key} es {found}; debe ser un número de {least} a {most}.",
    "problem_switch": "{key} es {found}; debe ser 1 (activado) o 0 (desactivado).",
    "problem_choice": "{key} es {found}; las opciones son: {choices}.",
    "problem_token": (
        "{key} no parece un token de BotFather: cifras, dos puntos y unas 35 letras y cifras."
    ),
    "problem_users": (
        "{key} es {found}; debe ser una lista de ID, por ejemplo [123456789, 987654321]."
    ),
    "problem_user": '{key} es {found}; debe ser un ID numérico de Telegram, por ejemplo 123456789, o un tema de un grupo: "-1001234567890:17".',
    "problem_nobody": "{key}: {found} no es el ID de ninguna persona. Telegram lo pone en lugar de los administradores anónimos, de los canales y de sí mismo; con él cualquiera podría usar el bot. Ponga el ID de una persona; se lo dice @userinfobot.",
    "problem_quiet_hours": '{key} es {found}; deben ser dos horas del día, por ejemplo "22:00-07:00".',
    "problem_only_groups": "{key} solo contiene grupos; añada el ID de al menos una persona.",
    "problem_address": "{key} no es una dirección. Tiene la forma esquema://nombre:puerto; el esquema es uno de estos: {schemes}.",
    "problem_proxy_link": "{key}: es un enlace para las aplicaciones de Telegram. Un bot no puede usar un proxy MTProto; necesita uno HTTP o SOCKS5, por ejemplo socks5h://nombre:1080.",
    "problem_proxy_password": "{key}: el nombre o la contraseña del proxy contiene un carácter que en una dirección se escribe como código: # es %23, / es %2F, ? es %3F, [ es %5B, ] es %5D, \\ es %5C, @ es %40.",
    "problem_api_url_bot": "{key}: quite /bot y lo que le sigue, el bot lo añade por sí mismo. Solo hace falta la dirección, por ejemplo http://127.0.0.1:8081.",
    "problem_section": "{key} es {found}; debe ser una sección entre llaves.",
    "problem_server_name": "{key}: el nombre de un servidor está vacío.",
    "problem_ip": (
        "{key} es {found}; debe ser la dirección o el nombre del servidor, por ejemplo "
        "192.168.0.1 o video.example.org:8443."
    ),
    "problem_certificate": (
        "{key} es {found}; debe ser true, false o la ruta de un archivo ca.crt."
    ),
    "problem_no_certificate": "{key}: no se encontró el archivo {found}.",
    "problem_bad_certificate": "{key}: el archivo {found} no contiene ningún certificado en formato PEM. Un archivo así empieza por -----BEGIN CERTIFICATE-----.",
    "problem_unknown": "{key}: el bot no conoce esta clave y la ignora.",
    "problem_unknown_near": "{key}: el bot no conoce esta clave. ¿Quiso decir {near}?",
    "problem_unencrypted": (
        "{key}: http:// no está cifrado, client_secret puede leerse por el camino."
    ),
    "problem_unencrypted_api": "{key}: http:// hacia otro equipo no está cifrado, y el token del bot va en la dirección de cada petición.",
    "problem_unchecked": (
        "{key}: con false no se comprueba el certificado y cualquiera puede hacerse pasar por "
        "este servidor."
    ),
    "command_line": "Un bot de Telegram para administradores de TrueConf Server.",
    "settings_wrong": "Hay que corregir la configuración ({source}):",
    "settings_help_file": (
        "README.md describe todas las claves; settings.json.example es un ejemplo."
    ),
    "settings_none": (
        "Todavía no hay configuración. Hay tres opciones:\n"
        "1. Copie settings.json.example como settings.json y complételo.\n"
        "2. Pruebe el bot sin cuenta y sin servidor: {python} main.py --demo\n"
        "3. Siga los pasos de README.md: explica cómo registrar un bot y una aplicación OAuth2."
    ),
    "settings_none_replit": (
        "No hay ningún secreto llamado settings. En Replit, abra Secrets, añada la clave settings "
        "y pegue como valor el contenido de settings.json. Si publica el bot, el Deployment "
        "también necesita ese secreto."
    ),
    "token_refused": (
        "Telegram no aceptó el token del bot (tg-api-token). Cópielo de nuevo en @BotFather: "
        "/mybots, su bot, API Token."
    ),
    "token_refused_api": "{url}, la dirección de tg-api-url, no aceptó el token del bot. Compruebe la dirección y tg-api-token.",
    # What is wrong on the way to Telegram, in the log and in --check
    "telegram_silent": "No se puede acceder a Telegram ({reason}). Compruebe la conexión a internet; si Telegram está bloqueado, indique un proxy en tg-proxy.",
    "telegram_by_proxy": "No se puede acceder a Telegram a través del proxy {proxy} ({reason}). Compruebe su dirección en {where} y si está en marcha.",
    "telegram_proxy_login": "No se puede acceder a Telegram: el proxy {proxy} no acepta el nombre y la contraseña. Compruébelos en {where}; los caracteres especiales se escriben así: %23 por #, %2F por /, %40 por @, %3A por :.",
    "telegram_proxy_refuses": "No se puede acceder a Telegram: el proxy {proxy} se niega a conectar con él. Pida a quien lo administra que permita api.telegram.org, puerto 443, o indique otro proxy en {where}.",
    "telegram_proxy_cannot": "No se puede acceder a Telegram: el proxy {proxy} responde, pero tampoco llega a Telegram. Indique otro proxy en {where}.",
    "telegram_proxy_address": "No se puede acceder a Telegram: en {where} hay un proxy que el bot no puede usar ({proxy}). Escríbalo como http://dirección:puerto o socks5h://dirección:puerto.",
    "telegram_ca_file": "No se puede acceder a Telegram: el archivo indicado en la variable de entorno {where} no existe o no contiene certificados. Corrija la ruta o elimine la variable.",
    "telegram_certificate": "No se puede acceder a Telegram: {reason}. Algo en el camino inspecciona las conexiones cifradas, como un proxy de empresa o un antivirus. Indique la ruta de su certificado de CA en la variable de entorno REQUESTS_CA_BUNDLE.",
    "telegram_foreign": "No se puede acceder a Telegram: algo en el camino responde en su lugar (HTTP {status}), como la página de acceso de una red. Abra cualquier sitio web en este equipo para verla.",
    "telegram_foreign_api": "No se puede acceder a Telegram: lo que responde en {where}, la dirección de tg-api-url, no es un servidor de Bot API (HTTP {status}). Corrija tg-api-url.",
    "telegram_second_copy": "409 Conflict: hay otra copia de este bot en marcha; detenga una de las dos.",
    "telegram_webhook": "409 Conflict: alguien ha configurado un webhook para este bot y los mensajes no le llegan. El bot lo elimina ahora. Si vuelve a ocurrir, otro programa usa el mismo token.",
    "system_proxy": "la configuración de proxy de este equipo",
    # --check and --demo, in the console
    "check_settings": "Configuración: {source}",
    "check_all_well": "Todo está bien: ejecute {python} main.py",
    "check_not_well": "Corrija las líneas con [!!] y repita la comprobación.",
    "check_proxy": "Proxy para Telegram: {host}",
    "check_telegram": "Telegram: el bot es @{name}",
    "check_user": "El bot puede escribir al usuario {id}",
    "check_user_silent": "El bot no puede escribir al usuario {id}. Debe abrir https://t.me/{name} y pulsar «Iniciar»; compruebe también el ID.",
    "check_group": "El bot puede escribir en el grupo {id}",
    "check_group_silent": "El bot no puede escribir en el grupo {id}. Añada a @{name}; el comando /id en el grupo muestra su ID.",
    "check_name": "Se ha encontrado el nombre {host}: {address}",
    "check_name_not_found": "No se ha encontrado el nombre {host}. Compruebe ip en la configuración y el DNS de este equipo.",
    "check_service": "El servicio en el puerto {port} responde",
    "check_service_silent": 'Puerto {port}: {reason}. Inicie el servicio TrueConf Server o abra el puerto para este equipo; si está cerrado a propósito, indique "port": 0 en server_status.',
    "check_web": "La parte web responde y su certificado es correcto: {url}",
    "check_web_unchecked": "La parte web responde, su certificado no se comprueba: {url}",
    "check_web_plain": "La parte web responde, sin cifrado: {url}",
    "check_ca_file": "{url}: {reason}. Compruebe la ruta.",
    "check_certificate_untrusted": '{url}: {reason}. Si el certificado es autofirmado, descargue ca.crt en el panel de control del servidor (Web → HTTPS), póngalo junto a settings.json e indique "ssl_certificate": "ca.crt".',
    "check_certificate_chain": '{url}: {reason}. Si la autoridad es propia, ponga su ca.crt junto a settings.json y escriba "ssl_certificate": "ca.crt"; si el certificado se compró, añada el intermedio en el servidor.',
    "check_certificate_no_names": "{url}: {reason}. Emita de nuevo el certificado, con el nombre del servidor en subjectAltName.",
    "check_certificate_name": "{url}: {reason}. Indique en ip el nombre para el que se emitió el certificado.",
    "check_certificate_expired": "{url}: {reason}. Renueve el certificado en el servidor y compruebe el reloj de este equipo.",
    "check_web_silent": "La parte web {url}: {reason}. Compruebe ip y el puerto en la configuración y si un navegador de este equipo abre la dirección.",
    "check_log_file": "log-file: no existe la carpeta {folder}. Créela o indique otra ruta.",
    "check_clock": "El reloj del servidor y el de este equipo difieren en {difference}. Active la sincronización horaria.",
    "check_clock_right": "El reloj del servidor y el de este equipo coinciden",
    "check_login": "client_id y client_secret son correctos",
    "check_permission": "El permiso {permission} está concedido",
    "option_settings": "un archivo de configuración distinto de settings.json junto a main.py",
    "option_check": "comprobar la configuración, Telegram y los servidores, y terminar",
    "check_version": "Responde la API {version}",
    "check_no_version": "Este servidor no tiene ninguna de las versiones de la API que conoce el bot ({versions}). Revise ip.",
    "check_other_version": "Este servidor no tiene la API {wanted}, pero {version} responde. Indíquela en api_version o quite esa clave.",
    "check_dns_silent": "El DNS no responde, no se puede comprobar el nombre {host}. Revise la red de este equipo.",
    "check_zone": "Este equipo no conoce la zona horaria {zone} del registro del servidor, por lo que la duración de las conferencias puede ser desconocida. En Windows: pip install tzdata.",
    "report_begins": "Informe para los desarrolladores del bot: solo códigos de estado, nombres y tipos de los campos. No contiene valores, nombres ni direcciones.",
    "report_ends": "Envíe las líneas de este informe a los desarrolladores: abra un issue en la página de la que descargó el bot.",
    "option_report": "mostrar además qué campos responde el servidor, sin valores: para los desarrolladores del bot",
    "option_demo": "mostrar el bot sin cuenta y sin servidor",
    "option_version": "mostrar la versión y terminar",
    "demo_running": "Demostración: {url}\nPara terminar: Ctrl+C",
    "demo_in_telegram": "Demostración: los servidores son simulados, el bot responde en Telegram. Apague y encienda servidores aquí: {url}\nTodos los de tg-users-id reciben sus avisos. Si su propio bot está en marcha, deténgalo antes: dos no pueden compartir un token. Para terminar la demostración: Ctrl+C",
}
