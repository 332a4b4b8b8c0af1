"""По-русски."""

WORDS = {
    # the screens
    "servers": "<b>Серверы</b>\nВыберите сервер.",
    "all_servers": "Все серверы",
    "heading": "<b>{server}</b> · {screen}",
    "bold": "<b>{text}</b>",
    "menu_question": "Что показать?",
    "status": "Состояние",
    "conferences": "Запущенные конференции",
    "online": "Пользователи онлайн",
    "forgotten": "Забытые конференции",
    "read_at": "<i>Данные на {time}</i>",
    "page": "Страница {number} из {total}",
    "state_up": "{sign} Сервер работает",
    "state_web_only": (
        "{sign} Веб-часть отвечает, а служба на порту {port} — нет: {reason}. "
        "Служба остановлена, или порт закрывает межсетевой экран"
    ),
    "state_down": "{sign} Сервер не отвечает: {reason}",
    "reasons": "{web} (порт {port}: {reason})",
    "state_since": "С {time} ({duration})",
    "check_on": "Постоянная проверка включена: раз в {interval}",
    "check_off": "Постоянная проверка выключена",
    "conferences_none": "Сейчас ни одна конференция не запущена.",
    "conferences_number": (
        "Идёт {number} конференция",
        "Идут {number} конференции",
        "Идёт {number} конференций",
    ),
    "overview_conferences": "Запущено конференций: {number}",
    "overview_online": "Пользователей онлайн: {number}",
    "untitled": "Без названия",
    "entry_title": "<b>{number}. {title}</b>",
    "entry_server": "Сервер: {server}",
    "entry_id": 'ID: <a href="{url}">{id}</a>',
    "entry_no_id": "Без ID: остановить отсюда нельзя",
    "entry_owner": "Владелец: {owner}",
    "entry_participants": "Участников по журналу: {number}",
    "entry_age": "Идёт: {duration}",
    "entry_realtime": '<a href="{url}">Управление в реальном времени</a>',
    "online_of": "Онлайн: <b>{online}</b> из {accounts}",
    "accounts": ("{number} учётной записи", "{number} учётных записей", "{number} учётных записей"),
    "online_free": "Свободны: {number}",
    "online_busy": "Заняты: {number}",
    "online_in_conference": "В конференции: {number}",
    "online_other": "Прочие: {number}",
    "forgotten_age": "Ищем те, что идут дольше {age} и, похоже, никому не нужны",
    "forgotten_none": "Забытых конференций нет.",
    "forgotten_number": (
        "Найдена {number} конференция",
        "Найдены {number} конференции",
        "Найдено {number} конференций",
    ),
    "forgotten_watch_on": "Сообщать о забытых: включено",
    "forgotten_watch_off": "Сообщать о забытых: выключено",
    "forgotten_empty": "В ней никого нет",
    "forgotten_owner_alone": "В ней только владелец",
    "forgotten_moderator_alone": "В ней только один ведущий",
    "forgotten_no_leader": (
        "В ней {number} человек, но нет ни владельца, ни ведущего",
        "В ней {number} человека, но нет ни владельца, ни ведущего",
        "В ней {number} человек, но нет ни владельца, ни ведущего",
    ),
    "forgotten_age_unknown": "Неизвестно, сколько она идёт",
    "forgotten_not_examined": "Не удалось узнать, кто в ней",
    # times
    "duration_unknown": "неизвестно сколько",
    "duration_days": "{number} д",
    "duration_hours": "{number} ч",
    "duration_minutes": "{number} мин",
    "duration_seconds": "{number} с",
    # stopping
    "confirm_stop": "<b>Остановить конференцию?</b>",
    "people_now": (
        "Сейчас в ней {number} человек",
        "Сейчас в ней {number} человека",
        "Сейчас в ней {number} человек",
    ),
    "people_unknown": "Не удалось узнать, сколько в ней людей",
    "confirm_limit": "Подтвердить можно в течение 5 минут.",
    "confirm_expired": "Прошло больше 5 минут. Откройте подтверждение ещё раз.",
    "confirm_stop_all": (
        "<b>Остановить {number} конференцию на сервере {server}?</b>",
        "<b>Остановить {number} конференции на сервере {server}?</b>",
        "<b>Остановить {number} конференций на сервере {server}?</b>",
    ),
    "short_entry": "{number}. {title}",
    "and_more": (
        "…и ещё {number} конференция",
        "…и ещё {number} конференции",
        "…и ещё {number} конференций",
    ),
    "all_are_older": "Все идут дольше {age}",
    "list_changed": "⚠️ Список изменился. Ничего не остановлено, посмотрите ещё раз.",
    "not_running": "Эта конференция уже не идёт.",
    "result_stopped": "⏹ Конференция «{title}» на сервере {server} остановлена.",
    "result_still_running": (
        "⚠️ Сервер принял команду, но конференция «{title}» на сервере {server} пока идёт. "
        "Посмотрите список чуть позже."
    ),
    "result_already_over": "Конференция «{title}» на сервере {server} уже завершилась.",
    "result_failed": "⚠️ Конференция «{title}» на сервере {server} не остановлена.",
    "stop_all_stopped": "⏹ {title}: остановлена",
    "stop_all_still_running": "⚠️ {title}: пока идёт",
    "stop_all_already_over": "{title}: уже завершилась",
    "stop_all_failed": "⚠️ {title}: не остановлена",
    "stopped_by": "⏹ Конференция «{title}» на сервере {server} остановлена. Это сделал пользователь {who}.",
    "already_pressed": "Кнопку уже нажал пользователь {who}. Обновите список, чтобы увидеть, что получилось.",
    "stopped_all_by": (
        "⏹ На сервере {server} остановлена {number} конференция. Это сделал пользователь {who}:",
        "⏹ На сервере {server} остановлены {number} конференции. Это сделал пользователь {who}:",
        "⏹ На сервере {server} остановлено {number} конференций. Это сделал пользователь {who}:",
    ),
    # errors
    "error_unreachable": "Не удалось получить данные: {reason}.",
    "error_wrong_secret": (
        "Сервер не принял client_id и client_secret. Сверьте их с OAuth2-приложением в панели "
        "управления сервером."
    ),
    "error_token_refused": (
        "Сервер отверг токен, который только что выдал. Проверьте, включено ли OAuth2-приложение "
        "и верно ли указан адрес сервера."
    ),
    "error_permission": (
        "Не хватает разрешения <code>{permission}</code>. Отметьте его у OAuth2-приложения в "
        "панели управления сервером."
    ),
    "error_api_version": (
        "По этому адресу нет API {version}. Проверьте ip и api_version в настройках."
    ),
    "error_conference": "Такой конференции на сервере больше нет.",
    "error_status": "Сервер ответил ошибкой HTTP {status}.",
    "error_redirect": (
        "Сервер отправляет по другому адресу: {location}. Если это он и есть, укажите его в ip."
    ),
    "error_not_json": "Ответ не похож на ответ TrueConf Server. Проверьте адрес в ip.",
    "error_shape": "Сервер ответил непонятно: в ответе нет того, что там должно быть.",
    "error_too_large": "Ответ сервера слишком велик, чтобы его прочитать.",
    "error_endless": "Список на сервере не кончается: страницы повторяются.",
    "reason_refused": "соединение отклонено, порт закрыт",
    "reason_timed_out": "истекло время ожидания",
    "reason_no_answer": "соединение есть, но ответа нет",
    "reason_name_not_found": "имя сервера не найдено в DNS",
    "reason_no_route": "нет маршрута до сервера, проверьте сеть",
    "reason_cut": "соединение оборвалось",
    "reason_not_https": "на этом порту не HTTPS",
    "reason_ca_file": "файл из ssl_certificate не найден",
    "reason_certificate_expired": "срок действия сертификата истёк или ещё не начался",
    "reason_certificate_name": "сертификат выдан на другое имя",
    "reason_certificate_untrusted": (
        "сертификат не вызывает доверия; если он самоподписанный, укажите файл ca.crt сервера "
        "в ssl_certificate"
    ),
    "reason_failed": "соединиться не удалось",
    "reason_http": "ошибка HTTP {status}",
    # unasked
    "alert_since": "С {time}",
    "alert_first": "Так было уже при первой проверке ({time})",
    "alert_up": "{sign} Сервер снова работает",
    "alert_outage": "Не работал {duration}: с {since} до {until}",
    "alert_own_network": (
        "📡 С {since} до {until} ({duration}) бот не мог связаться ни с Telegram, ни с сервером. "
        "Похоже, связи не было у самого бота. Сейчас сервер отвечает.",
        "📡 С {since} до {until} ({duration}) бот не мог связаться ни с Telegram, ни с одним из "
        "{number} серверов. Похоже, связи не было у самого бота. Сейчас все серверы отвечают.",
        "📡 С {since} до {until} ({duration}) бот не мог связаться ни с Telegram, ни с одним из "
        "{number} серверов. Похоже, связи не было у самого бота. Сейчас все серверы отвечают.",
    ),
    "alert_missed": "📡 С {since} до {until} Telegram был недоступен. За это время:",
    "alert_several": "Несколько сообщений сразу:",
    "alert_forgotten": "🕓 Похоже, на сервере {server} забыли конференцию",
    "alert_forgotten_list": (
        "🕓 Похоже, на сервере {server} забыли {number} конференцию:",
        "🕓 Похоже, на сервере {server} забыли {number} конференции:",
        "🕓 Похоже, на сервере {server} забыли {number} конференций:",
    ),
    "reminder_off": "Сообщения о забытых конференциях на этом сервере выключены, поэтому напомнить не получится. Включите их на экране «Забытые конференции».",
    "reminder_set": "Напомню через час, если конференция ещё будет идти.",
    "not_forgotten_set": "Хорошо. Об этом запуске конференции больше не сообщу.",
    # access and commands
    "stranger": (
        "У вас нет доступа к этому боту. Ваш ID: <code>{id}</code>\n"
        "Попросите владельца бота добавить его в <code>tg-users-id</code>."
    ),
    "stranger_popup": "У вас нет доступа. Ваш ID: {id}",
    "your_id": "Ваш ID: <code>{id}</code>",
    "group_id": "ID этой группы: <code>{id}</code>",
    "out_of_date": "Эта кнопка устарела. Отправьте /start, чтобы открыть меню заново.",
    "help": (
        "Этот бот показывает, что происходит на ваших серверах TrueConf.\n\n"
        "/start — серверы\n"
        "/status — все серверы одним сообщением\n"
        "/id — ваш ID в Telegram\n"
        "/help — эта справка\n\n"
        "🟢 сервер работает\n"
        "🟡 отвечает только веб-часть: служба остановлена или её порт закрыт\n"
        "🔴 сервер не отвечает\n\n"
        "Бот ничего не останавливает сам: только по вашей кнопке и с подтверждением."
    ),
    "command_start": "Серверы",
    "command_status": "Все серверы одним сообщением",
    "command_id": "Мой ID в Telegram",
    "command_help": "Справка",
    # buttons
    "button_back": "← Назад",
    "button_refresh": "🔄 Обновить",
    "button_previous": "◀",
    "button_next": "▶",
    "button_status": "Состояние",
    "button_conferences": "Запущенные конференции",
    "button_online": "Пользователи онлайн",
    "button_forgotten": "Забытые конференции",
    "button_all_servers": "Все серверы",
    "button_check_on": "Включить постоянную проверку",
    "button_check_off": "Выключить постоянную проверку",
    "button_watch_on": "Сообщать о забытых",
    "button_watch_off": "Не сообщать о забытых",
    "button_stop_entry": "⏹ {number}. {title}",
    "button_stop": "⏹ Остановить",
    "button_stop_all": (
        "⏹ Остановить {number}",
        "⏹ Остановить все {number}",
        "⏹ Остановить все {number}",
    ),
    "button_confirm_stop": "Да, остановить",
    "button_remind": "Напомнить через 1 ч",
    "button_not_forgotten": "Не забыта",
    "button_chosen": "• {text} •",
    # settings, in the console
    "problem_no_file": "{key}: такого файла нет.",
    "problem_unreadable": "{key}: файл не удалось прочитать.",
    "problem_encoding": "{key}: кодировка не UTF-8. Сохраните файл в UTF-8 (в Блокноте: «Сохранить как», «Кодировка»).",
    "problem_empty": "{key}: здесь пусто, а должны быть настройки в формате JSON.",
    "problem_json": "{key}, строка {line}, столбец {column}: здесь нарушен формат JSON. Часто это лишняя или пропущенная запятая, кавычка или скобка.",
    "problem_json_escape": "{key}, строка {line}, столбец {column}: обратную черту в JSON пишут дважды: C:\\\\certs\\\\ca.crt. Или пишите прямую: C:/certs/ca.crt.",
    "problem_not_object": "Настройки должны начинаться с {{ и заканчиваться }}, как в settings.json.example.",
    "problem_twice": "Ключ «{key}» встречается дважды. Оставьте один.",
    "problem_missing": "Нет ключа {key}.",
    "problem_blank": "{key}: здесь пусто, заполните.",
    "problem_placeholder": "{key}: здесь осталась подсказка из примера: {found}. Замените её своим значением, без угловых скобок.",
    "problem_not_text": "{key}: нужен текст в кавычках.",
    "problem_number": "{key}: найдено {found}, а нужно число от {least} до {most}.",
    "problem_switch": "{key}: найдено {found}, а нужно 1 (включено) или 0 (выключено).",
    "problem_choice": "{key}: найдено {found}, а нужно одно из: {choices}.",
    "problem_token": "{key}: это не похоже на токен от BotFather. Он выглядит так: цифры, двоеточие, около 35 букв и цифр.",
    "problem_users": "{key}: найдено {found}, а нужен список ID, например [123456789, 987654321].",
    "problem_user": "{key}: найдено {found}, а нужен числовой ID Telegram, например 123456789.",
    "problem_only_groups": "{key}: здесь только группы. Нужен ещё ID хотя бы одного человека.",
    "problem_address": "{key}: это не адрес. Он начинается с одного из: {schemes}, затем ://, имя и порт.",
    "problem_section": "{key}: найдено {found}, а нужен раздел в фигурных скобках.",
    "problem_server_name": "{key}: у одного из серверов пустое название.",
    "problem_ip": "{key}: найдено {found}, а нужен адрес или имя сервера, например 192.168.0.1 или video.example.org:8443.",
    "problem_certificate": "{key}: найдено {found}, а нужно true, false или путь к файлу ca.crt.",
    "problem_no_certificate": "{key}: файл {found} не найден.",
    "problem_bad_certificate": "{key}: в файле {found} нет сертификата в формате PEM.",
    "problem_version": "{key}: найдено {found}, а нужна версия API вида v3.3.",
    "problem_unknown": "{key}: бот не знает такого ключа и пропускает его.",
    "problem_unknown_near": "{key}: бот не знает такого ключа. Может быть, {near}?",
    "problem_unencrypted": "{key}: http:// — соединение без шифрования, client_secret виден в сети.",
    "problem_unchecked": "{key}: false — сертификат не проверяется, сервер можно подменить.",
    "command_line": "Telegram-бот для администраторов TrueConf Server.",
    "settings_wrong": "Настройки ({source}) нужно исправить:",
    "settings_help_file": "Все ключи описаны в README.ru.md, образец — settings.json.example.",
    "settings_none": (
        "Настроек ещё нет. Есть три пути:\n"
        "1. Скопируйте settings.json.example в settings.json и заполните его.\n"
        "2. Попробуйте без учётной записи и без сервера: python main.py --demo\n"
        "3. Пройдите по шагам в README.ru.md: там регистрация бота и OAuth2-приложения."
    ),
    "settings_none_replit": (
        "Секрета settings нет. В Replit откройте Secrets, добавьте ключ settings, а значением "
        "вставьте содержимое settings.json. Для публикации секрет нужен и в Deployments."
    ),
    "token_refused": (
        "Telegram не принял токен бота (tg-api-token). Скопируйте его у @BotFather ещё раз: "
        "/mybots, ваш бот, API Token."
    ),
    # --check and --demo, in the console
    "check_settings": "Настройки: {source}",
    "check_all_well": "Всё в порядке: запускайте python main.py",
    "check_not_well": "Исправьте строки с [!!] и запустите проверку ещё раз.",
    "check_proxy": "Прокси для Telegram: {host}",
    "check_telegram": "Telegram: бот @{name}",
    "check_telegram_silent": "Telegram не отвечает ({reason}). Проверьте интернет; если Telegram заблокирован, укажите прокси в tg-proxy.",
    "check_telegram_by_proxy": "Telegram не отвечает через прокси ({reason}). Проверьте адрес, имя и пароль в tg-proxy.",
    "check_user": "Пользователю {id} бот может писать",
    "check_user_silent": "Пользователю {id} бот писать не может. Пусть он откроет https://t.me/{name} и нажмёт «Запустить»; проверьте и сам ID.",
    "check_group": "В группу {id} бот может писать",
    "check_group_silent": "В группу {id} бот писать не может. Добавьте в неё @{name}; ID группы покажет команда /id в ней.",
    "check_name": "Имя {host} найдено: {address}",
    "check_name_not_found": "Имя {host} не найдено. Проверьте ip в настройках и DNS этого компьютера.",
    "check_service": "Служба на порту {port} отвечает",
    "check_service_silent": 'Порт {port}: {reason}. Запустите службу TrueConf Server или откройте порт для этого компьютера; если он закрыт намеренно, укажите "port": 0 в server_status.',
    "check_web": "Веб-часть отвечает, сертификат верный: {url}",
    "check_web_unchecked": "Веб-часть отвечает, сертификат не проверяется: {url}",
    "check_certificate_wrong": '{url}: {reason}. Самоподписанный сертификат: скачайте ca.crt в панели управления сервером (Веб → HTTPS), положите рядом с settings.json и укажите "ssl_certificate": "ca.crt". В ip должно стоять имя, на которое выдан сертификат.',
    "check_web_silent": "Веб-часть {url}: {reason}. Проверьте ip и порт в настройках и открывается ли этот адрес в браузере на этом компьютере.",
    "check_log_file": "log-file: папки {folder} нет. Создайте её или укажите другой путь.",
    "check_clock": "Часы сервера и этого компьютера расходятся на {difference}. Включите синхронизацию времени.",
    "check_clock_right": "Часы сервера и этого компьютера идут одинаково",
    "check_login": "client_id и client_secret подходят",
    "check_permission": "Разрешение {permission} есть",
    "option_settings": "файл настроек вместо settings.json рядом с main.py",
    "option_check": "проверить настройки, Telegram и серверы и завершить работу",
    "option_demo": "показать бота без учётной записи и без сервера",
    "demo_running": "Демонстрация: {url}\nЗакончить: Ctrl+C",
    "demo_in_telegram": "Демонстрация: серверы ненастоящие, бот отвечает в Telegram. Закончить: Ctrl+C",
}
