"""The words of the demo in each language: who works at the simulated servers, what the conferences
are called, and what stands on the chat page. What the bot says is in `texts`. A language of the
bot that is missing here gets the English words.
"""

import os

# The words of the page: button_... and note_... belong to the panel, the others to the chat.
PAGE = {
    "en": {
        "visitor": "Visitor",
        "colleague": "Colleague",
        "group": "Duty team",
        "group_members": "You, {other} and the bot",
        "who": "You are",
        "which_chat": "Chat",
        "chat_private": "Bot",
        "chat_group": "Group",
        "unread": "unread: {number}",
        "bot": "bot",
        "connecting": "connecting…",
        "ended": "The demo has ended. Start it again: {python} main.py --demo",
        "chat": "Chat with the bot",
        "empty_title": "What can this bot do?",
        "empty_text": (
            "It shows administrators what happens on their TrueConf Servers, helps to stop "
            "forgotten conferences and reports when a server goes down."
        ),
        "empty_group": "Both of you are in this group. Alerts come here too. Menu: /start",
        "start": "Start",
        "menu": "Menu",
        "message": "Message",
        "send": "Send",
        "newest": "Newest messages",
        "edited": "edited",
        "ok": "OK",
        "popup": "Message from the bot",
        "panel": "Simulated world",
        "about_title": "What is this?",
        "silent": "without a sound",
        "about": (
            "The servers and Telegram on this page are simulated and live on this computer only. "
            "The bot is the real one. Change something here and see what it says. "
            "Above the chat you can switch to a colleague and see what they see. "
            "Links lead to the simulated servers, whose certificate no browser knows."
        ),
        "state_up": "up",
        "state_service_down": "service stopped",
        "state_web_down": "website stopped",
        "state_down": "down",
        "counts": "Conferences: {conferences} · online: {online}",
        "button_down": "Switch off",
        "button_up": "Switch on",
        "button_service_down": "Stop service",
        "button_service_up": "Start service",
        "button_web_down": "Stop website",
        "button_web_up": "Start website",
        "button_conference": "Start a conference",
        "button_leave": "Disconnect all",
        "button_hour": "Skip an hour",
        "button_day": "Skip a day",
        "note_wait": (
            "The bot says so within about 10 seconds, unless this server is paused "
            "or not monitored."
        ),
        "note_down": "{server} is switched off.",
        "note_up": "{server} is switched on.",
        "note_service_down": "{server}: only the website answers now.",
        "note_service_up": "{server}: the service runs again.",
        "note_web_down": "{server}: only the service answers now.",
        "note_web_up": "{server}: the website runs again.",
        "note_conference": "“{title}” has begun on {server}. People in it: {people}.",
        "note_leave": (
            "{server}: everybody left, conferences still running: {number}. "
            "After an hour they count as forgotten."
        ),
        "note_hour": (
            "It is an hour later for the conferences. The bot looks for forgotten ones soon; "
            "a reminder that you asked for still takes a real hour."
        ),
        "note_day": (
            "It is the next day: yesterday's meetings are over, and today's have begun. "
            "The daily summary comes soon, and History tells of yesterday."
        ),
    },
    "ru": {
        "visitor": "Гость",
        "colleague": "Коллега",
        "group": "Дежурные",
        "group_members": "Вы, {other} и бот",
        "who": "Вы сейчас",
        "which_chat": "Чат",
        "chat_private": "Бот",
        "chat_group": "Группа",
        "unread": "непрочитанных: {number}",
        "bot": "бот",
        "connecting": "соединение…",
        "ended": "Демонстрация закончилась. Запустите её снова: {python} main.py --demo",
        "chat": "Чат с ботом",
        "empty_title": "Что умеет этот бот?",
        "empty_text": (
            "Показывает администраторам, что происходит на их серверах TrueConf, помогает "
            "остановить забытые конференции и сообщает, когда сервер перестал работать."
        ),
        "empty_group": "Вы оба в этой группе. Сообщения о сбоях приходят и сюда. Меню: /start",
        "start": "Запустить",
        "menu": "Меню",
        "message": "Сообщение",
        "send": "Отправить",
        "newest": "К новым сообщениям",
        "edited": "изменено",
        "ok": "OK",
        "popup": "Сообщение бота",
        "panel": "Виртуальный мир",
        "about_title": "Что это такое?",
        "silent": "без звука",
        "about": (
            "Серверы и Telegram на этой странице виртуальные и живут только на этом компьютере. "
            "Бот настоящий. Измените здесь что-нибудь и посмотрите, что он скажет. "
            "Над чатом можно переключиться на коллегу и увидеть то же, что видит он. "
            "Ссылки ведут на виртуальные серверы: их сертификат браузеру незнаком."
        ),
        "state_up": "работает",
        "state_service_down": "служба остановлена",
        "state_web_down": "сайт остановлен",
        "state_down": "не работает",
        "counts": "Конференций: {conferences} · онлайн: {online}",
        "button_down": "Выключить",
        "button_up": "Включить",
        "button_service_down": "Остановить службу",
        "button_service_up": "Запустить службу",
        "button_web_down": "Остановить сайт",
        "button_web_up": "Запустить сайт",
        "button_conference": "Начать конференцию",
        "button_leave": "Отключить всех",
        "button_hour": "Промотать час",
        "button_day": "Промотать день",
        "note_wait": (
            "Бот сообщит об этом секунд через десять, если нет паузы и постоянная "
            "проверка включена."
        ),
        "note_down": "{server}: сервер выключен.",
        "note_up": "{server}: сервер включён.",
        "note_service_down": "{server}: отвечает только сайт.",
        "note_service_up": "{server}: служба снова работает.",
        "note_web_down": "{server}: отвечает только служба.",
        "note_web_up": "{server}: сайт снова работает.",
        "note_conference": "{server}: началась конференция «{title}». Участников: {people}.",
        "note_leave": (
            "{server}: все ушли, конференций осталось: {number}. "
            "Через час они будут считаться забытыми."
        ),
        "note_hour": (
            "Для конференций прошёл час. Скоро бот поищет забытые; а напоминание, о котором вы "
            "попросили, придёт через настоящий час."
        ),
        "note_day": (
            "Наступил следующий день: вчерашние встречи закончились, начались сегодняшние. "
            "Скоро придёт сводка за день, а о вчерашнем расскажет «История»."
        ),
    },
    "de": {
        "visitor": "Gast",
        "colleague": "Kollegin",
        "group": "Bereitschaft",
        "group_members": "Sie, {other} und der Bot",
        "who": "Sie sind",
        "which_chat": "Chat",
        "chat_private": "Bot",
        "chat_group": "Gruppe",
        "unread": "ungelesen: {number}",
        "bot": "Bot",
        "connecting": "Verbinde…",
        "ended": "Die Demo ist zu Ende. Neu starten: {python} main.py --demo",
        "chat": "Chat mit dem Bot",
        "empty_title": "Was kann dieser Bot?",
        "empty_text": (
            "Er zeigt Administratoren, was auf ihren TrueConf-Servern geschieht, hilft, "
            "vergessene Konferenzen zu beenden, und meldet, wenn ein Server ausfällt."
        ),
        "empty_group": "Sie sind beide in dieser Gruppe. Meldungen kommen auch hier an: /start",
        "start": "Starten",
        "menu": "Menü",
        "message": "Nachricht",
        "send": "Senden",
        "newest": "Zu den neuen Nachrichten",
        "edited": "bearbeitet",
        "ok": "OK",
        "popup": "Nachricht des Bots",
        "panel": "Simulierte Welt",
        "about_title": "Was ist das?",
        "silent": "ohne Ton",
        "about": (
            "Die Server und Telegram auf dieser Seite sind simuliert und laufen nur auf diesem "
            "Computer. Der Bot ist echt. Ändern Sie hier etwas und sehen Sie, was er sagt. "
            "Über dem Chat können Sie zur Kollegin wechseln und sehen, was sie sieht. "
            "Links führen zu den simulierten Servern, deren Zertifikat kein Browser kennt."
        ),
        "state_up": "läuft",
        "state_service_down": "Dienst gestoppt",
        "state_web_down": "Website gestoppt",
        "state_down": "ausgefallen",
        "counts": "Konferenzen: {conferences} · online: {online}",
        "button_down": "Ausschalten",
        "button_up": "Einschalten",
        "button_service_down": "Dienst stoppen",
        "button_service_up": "Dienst starten",
        "button_web_down": "Website stoppen",
        "button_web_up": "Website starten",
        "button_conference": "Konferenz beginnen",
        "button_leave": "Alle trennen",
        "button_hour": "Eine Stunde vorspulen",
        "button_day": "Einen Tag vorspulen",
        "note_wait": (
            "Der Bot meldet es in etwa 10 Sekunden, außer in einer Pause oder ohne Überwachung."
        ),
        "note_down": "{server} ist ausgeschaltet.",
        "note_up": "{server} ist eingeschaltet.",
        "note_service_down": "{server}: Nur die Website antwortet.",
        "note_service_up": "{server}: Der Dienst läuft wieder.",
        "note_web_down": "{server}: Nur der Dienst antwortet.",
        "note_web_up": "{server}: Die Website läuft wieder.",
        "note_conference": "{server}: „{title}“ hat begonnen. Teilnehmer: {people}.",
        "note_leave": (
            "{server}: Alle sind gegangen. Noch laufende Konferenzen: {number}. "
            "Nach einer Stunde gelten sie als vergessen."
        ),
        "note_hour": (
            "Für die Konferenzen ist es eine Stunde später. Der Bot sucht bald nach vergessenen; "
            "eine Erinnerung, um die Sie gebeten haben, kommt nach einer echten Stunde."
        ),
        "note_day": (
            "Es ist der nächste Tag: Die Treffen von gestern sind vorbei, die von heute haben "
            "begonnen. Bald kommt die Zusammenfassung, und der Verlauf zeigt, was gestern war."
        ),
    },
    "es": {
        "visitor": "Visitante",
        "colleague": "Colega",
        "group": "Guardia",
        "group_members": "Usted, {other} y el bot",
        "who": "Usted es",
        "which_chat": "Chat",
        "chat_private": "Bot",
        "chat_group": "Grupo",
        "unread": "sin leer: {number}",
        "bot": "bot",
        "connecting": "conectando…",
        "ended": "La demo ha terminado. Iníciela de nuevo: {python} main.py --demo",
        "chat": "Chat con el bot",
        "empty_title": "¿Qué puede hacer este bot?",
        "empty_text": (
            "Muestra a los administradores qué ocurre en sus servidores TrueConf, ayuda a "
            "finalizar conferencias olvidadas y avisa cuando un servidor deja de funcionar."
        ),
        "empty_group": "Los dos están en este grupo. Los avisos llegan también aquí. Menú: /start",
        "start": "Iniciar",
        "menu": "Menú",
        "message": "Mensaje",
        "send": "Enviar",
        "newest": "Mensajes nuevos",
        "edited": "editado",
        "ok": "OK",
        "popup": "Mensaje del bot",
        "panel": "Mundo simulado",
        "about_title": "¿Qué es esto?",
        "silent": "sin sonido",
        "about": (
            "Los servidores y Telegram de esta página son simulados y existen solo en este equipo. "
            "El bot es el de verdad. Cambie algo aquí y vea qué dice. "
            "Encima del chat puede pasar a ser su colega y ver lo que ve. "
            "Los enlaces llevan a servidores simulados, cuyo certificado no conoce el navegador."
        ),
        "state_up": "funciona",
        "state_service_down": "servicio detenido",
        "state_web_down": "sitio web detenido",
        "state_down": "caído",
        "counts": "Conferencias: {conferences} · en línea: {online}",
        "button_down": "Apagar",
        "button_up": "Encender",
        "button_service_down": "Detener servicio",
        "button_service_up": "Iniciar servicio",
        "button_web_down": "Detener sitio web",
        "button_web_up": "Iniciar sitio web",
        "button_conference": "Iniciar conferencia",
        "button_leave": "Desconectar a todos",
        "button_hour": "Adelantar una hora",
        "button_day": "Adelantar un día",
        "note_wait": "El bot avisa en unos 10 segundos, salvo en una pausa o sin supervisión.",
        "note_down": "{server} está apagado.",
        "note_up": "{server} está encendido.",
        "note_service_down": "{server}: solo responde el sitio web.",
        "note_service_up": "{server}: el servicio funciona de nuevo.",
        "note_web_down": "{server}: solo responde el servicio.",
        "note_web_up": "{server}: el sitio web funciona de nuevo.",
        "note_conference": "{server}: ha empezado «{title}». Participantes: {people}.",
        "note_leave": (
            "{server}: todos se han ido, conferencias en curso: {number}. "
            "Pasada una hora cuentan como olvidadas."
        ),
        "note_hour": (
            "Para las conferencias ha pasado una hora. El bot buscará pronto las olvidadas; "
            "un recordatorio que haya pedido llega tras una hora de verdad."
        ),
        "note_day": (
            "Es el día siguiente: las reuniones de ayer han terminado y las de hoy han empezado. "
            "Pronto llega el resumen del día, y el historial cuenta lo de ayer."
        ),
    },
}

# The world: names of the three servers, titles of the conferences that run at the start, in the
# order of `world.PLAN`, titles of those that begin later, and the people of each server.
WORLD = {
    "en": {
        "servers": ("Head office", "Branch", "Training centre"),
        "titles": (
            (
                "Weekly planning",
                "Sales: pipeline & forecast",
                "Customer call: Northwind",
                "Support duty room",
                "Budget questions",
                "Interview: frontend engineer",
                "Sprint retrospective",
            ),
            ("Shift handover", "Warehouse audit"),
            ("Webinar: first steps", "Exam consultation"),
        ),
        "more": (
            "Quick sync",
            "Design review",
            "Incident call",
            "Release go / no-go",
            "Coffee chat ☕",
            "Partner demo",
        ),
        "people": (
            "alice.morgan Alice Morgan, ben.carter Ben Carter, chloe.reed Chloe Reed, "
            "daniel.hughes Daniel Hughes, emma.lawson Emma Lawson, felix.grant Felix Grant, "
            "grace.bennett Grace Bennett, henry.cole Henry Cole, isla.parker Isla Parker, "
            "jack.turner Jack Turner, kate.murray Kate Murray, liam.foster Liam Foster, "
            "mia.shaw Mia Shaw, noah.ellis Noah Ellis, olivia.price Olivia Price, "
            "peter.walsh Peter Walsh, quinn.barker Quinn Barker, ruth.dixon Ruth Dixon, "
            "sam.harvey Sam Harvey, tara.quinn Tara Quinn, umar.khan Umar Khan, "
            "vera.long Vera Long, will.stone Will Stone, zoe.marsh Zoe Marsh",
            "amy.fisher Amy Fisher, bruce.lane Bruce Lane, carol.webb Carol Webb, "
            "dylan.ross Dylan Ross, ella.burns Ella Burns, frank.day Frank Day, "
            "gina.fox Gina Fox, harry.nash Harry Nash",
            "adam.pope Adam Pope, beth.lowe Beth Lowe, craig.dean Craig Dean, "
            "diana.may Diana May, eric.hale Eric Hale, fiona.kerr Fiona Kerr, "
            "george.bond George Bond, holly.ray Holly Ray, ian.rowe Ian Rowe, "
            "jane.frost Jane Frost",
        ),
    },
    "ru": {
        "servers": ("Головной офис", "Филиал", "Учебный центр"),
        "titles": (
            (
                "Еженедельная планёрка",
                "Отдел продаж: план & факт",
                "Встреча с заказчиком «Север»",
                "Дежурная смена поддержки",
                "Вопросы по бюджету",
                "Собеседование: веб-разработчик",
                "Итоги спринта",
            ),
            ("Передача смены", "Инвентаризация склада"),
            ("Вебинар: первые шаги", "Консультация перед экзаменом"),
        ),
        "more": (
            "Короткая встреча",
            "Обзор дизайна",
            "Разбор сбоя",
            "Выпускаем или нет?",
            "Кофе-пауза ☕",
            "Показ для партнёров",
        ),
        "people": (
            "a.petrova Анна Петрова, b.ivanov Борис Иванов, v.smirnova Вера Смирнова, "
            "g.orlov Глеб Орлов, d.kuznetsova Дарья Кузнецова, e.sokolov Егор Соколов, "
            "zh.belova Жанна Белова, z.fedorov Захар Фёдоров, i.volkova Ирина Волкова, "
            "k.morozov Кирилл Морозов, l.pavlova Лидия Павлова, m.lebedev Максим Лебедев, "
            "n.kozlova Нина Козлова, o.novikov Олег Новиков, p.egorova Полина Егорова, "
            "r.vasilev Роман Васильев, s.zaytseva Софья Зайцева, t.popov Тимур Попов, "
            "u.frolova Ульяна Фролова, f.gusev Фёдор Гусев, e.titova Эмма Титова, "
            "yu.belov Юрий Белов, ya.krylova Яна Крылова, s.maslov Степан Маслов",
            "a.gromov Артём Громов, v.chernova Валентина Чернова, d.sorokin Денис Сорокин, "
            "e.baranova Елена Баранова, i.zhukov Игорь Жуков, l.komarova Лариса Комарова, "
            "p.nikitin Павел Никитин, t.osipova Татьяна Осипова",
            "a.medvedeva Алла Медведева, v.stepanov Виктор Степанов, g.antonova Галина Антонова, "
            "d.tarasov Дмитрий Тарасов, k.ilina Ксения Ильина, m.safonov Михаил Сафонов, "
            "n.yudina Надежда Юдина, o.karpova Ольга Карпова, r.savin Руслан Савин, "
            "s.loginova Светлана Логинова",
        ),
    },
    "de": {
        "servers": ("Zentrale", "Filiale", "Schulungszentrum"),
        "titles": (
            (
                "Wochenplanung",
                "Vertrieb: Plan & Ist",
                "Kundentermin: Nordlicht GmbH",
                "Bereitschaft Support",
                "Fragen zum Budget",
                "Vorstellungsgespräch: Webentwicklung",
                "Sprint-Rückblick",
            ),
            ("Schichtübergabe", "Inventur im Lager"),
            ("Webinar: erste Schritte", "Fragestunde zur Prüfung"),
        ),
        "more": (
            "Kurze Abstimmung",
            "Entwurf besprechen",
            "Störung: Lagebesprechung",
            "Freigabe: ja oder nein?",
            "Kaffeepause ☕",
            "Vorführung für Partner",
        ),
        "people": (
            "anna.becker Anna Becker, bernd.krause Bernd Krause, clara.vogel Clara Vogel, "
            "dirk.lange Dirk Lange, eva.hartmann Eva Hartmann, frank.seidel Frank Seidel, "
            "greta.koenig Greta König, hans.schubert Hans Schubert, ines.brandt Ines Brandt, "
            "jan.peters Jan Peters, katrin.wolf Katrin Wolf, lukas.jung Lukas Jung, "
            "marie.roth Marie Roth, nils.simon Nils Simon, olga.ernst Olga Ernst, "
            "paul.keller Paul Keller, rita.lorenz Rita Lorenz, stefan.busch Stefan Busch, "
            "tina.haas Tina Haas, udo.graf Udo Graf, vera.pohl Vera Pohl, "
            "willi.horn Willi Horn, xenia.beck Xenia Beck, yusuf.demir Yusuf Demir",
            "antje.kuhn Antje Kuhn, boris.franke Boris Franke, carla.winter Carla Winter, "
            "dennis.otto Dennis Otto, elke.sommer Elke Sommer, fritz.arnold Fritz Arnold, "
            "gabi.stein Gabi Stein, holger.barth Holger Barth",
            "amelie.nowak Amelie Nowak, bjoern.thiel Björn Thiel, celine.voss Celine Voss, "
            "david.ritter David Ritter, emil.bauer Emil Bauer, frida.hahn Frida Hahn, "
            "gero.falk Gero Falk, heike.marx Heike Marx, ivo.kraft Ivo Kraft, "
            "judith.moll Judith Moll",
        ),
    },
    "es": {
        "servers": ("Oficina central", "Sucursal", "Centro de formación"),
        "titles": (
            (
                "Planificación semanal",
                "Ventas: plan & previsión",
                "Reunión con el cliente Norte",
                "Guardia de soporte",
                "Preguntas del presupuesto",
                "Entrevista: desarrollo web",
                "Retrospectiva del sprint",
            ),
            ("Relevo de turno", "Inventario del almacén"),
            ("Seminario: primeros pasos", "Tutoría antes del examen"),
        ),
        "more": (
            "Reunión rápida",
            "Revisión de diseño",
            "Análisis del incidente",
            "¿Publicamos o no?",
            "Pausa de café ☕",
            "Demostración para socios",
        ),
        "people": (
            "ana.garcia Ana García, bruno.lopez Bruno López, carmen.ruiz Carmen Ruiz, "
            "diego.torres Diego Torres, elena.vega Elena Vega, felipe.mora Felipe Mora, "
            "gloria.pena Gloria Peña, hugo.ramos Hugo Ramos, ines.soto Inés Soto, "
            "jorge.gil Jorge Gil, karla.rios Karla Ríos, luis.prieto Luis Prieto, "
            "marta.leon Marta León, nicolas.cano Nicolás Cano, olga.marin Olga Marín, "
            "pablo.nieto Pablo Nieto, raquel.sanz Raquel Sanz, sergio.vidal Sergio Vidal, "
            "teresa.crespo Teresa Crespo, ugo.bravo Ugo Bravo, valeria.rey Valeria Rey, "
            "victor.lara Víctor Lara, ximena.duran Ximena Durán, yago.font Yago Font",
            "alba.molina Alba Molina, bernardo.rojas Bernardo Rojas, celia.luna Celia Luna, "
            "david.campos David Campos, eva.nunez Eva Núñez, fermin.salas Fermín Salas, "
            "gema.pardo Gema Pardo, hector.mesa Héctor Mesa",
            "adela.rubio Adela Rubio, blas.otero Blas Otero, clara.ibanez Clara Ibáñez, "
            "dario.pastor Darío Pastor, emilia.roca Emilia Roca, fabio.cruz Fabio Cruz, "
            "greta.vila Greta Vila, hilario.pons Hilario Pons, irene.mas Irene Mas, "
            "joel.coll Joel Coll",
        ),
    },
}


def words_of_page(language):
    """What stands on the chat page, with the Python that people here type."""
    words = PAGE.get(language, PAGE["en"])
    python = "python" if os.name == "nt" else "python3"
    return {**words, "ended": words["ended"].format(python=python)}


def world_words(language):
    """The names and titles of the simulated world."""
    return WORLD.get(language, WORLD["en"])
