"""What own_python.py and own_venv.py say, which speak before there are any libraries, and how.

Python 3.6 can read it. The other words of the bot stand in texts/.
"""

import contextlib
import locale
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROBLEM_FILE = os.path.join(ROOT, "setup-problem.txt")  # for pythonw, which has no console
MAY_ASK_FOR_NAME = 0x1000  # of a process, on Windows


def say(key, **values):
    """Print a sentence; under pythonw, which has no console, leave it in a file."""
    text = WORDS[system_language(WORDS)][key].format(**values)
    if sys.stderr is None:
        with contextlib.suppress(OSError), open(PROBLEM_FILE, "w", encoding="utf-8") as file:
            file.write(text + "\n")
        return
    encoding = sys.stderr.encoding or "ascii"
    print(text.encode(encoding, "replace").decode(encoding), file=sys.stderr, flush=True)


def system_language(languages):
    """The language of this computer; English if it is none of these."""
    variables = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    name = next(filter(None, variables), locale.getlocale()[0] or "").lower()
    # Windows has long names, as in Russian_Russia; Python knows what they mean.
    language = locale.normalize(name.partition("_")[0])[:2]
    return language if language in languages else "en"


def hold_window():
    """Wait for Enter where a double click has opened the window, which ends with the program."""
    if os.name != "nt" or None in (sys.stdin, sys.stdout, sys.stderr) or not sys.stdin.isatty():
        return
    import ctypes

    kernel = ctypes.WinDLL("kernel32")
    processes = (ctypes.c_uint32 * 16)()
    count = kernel.GetConsoleProcessList(processes, len(processes))
    programs = [_program_of(kernel, process) for process in processes[:count]]
    if programs and all(name.startswith("py") for name in programs):
        say("press_enter")
        with contextlib.suppress(EOFError, KeyboardInterrupt):
            input()


def _program_of(kernel, process):
    """The name of a process' program on Windows, in small letters; "" if it is not told."""
    import ctypes

    path, size = ctypes.create_unicode_buffer(1024), ctypes.c_uint32(1024)
    handle = kernel.OpenProcess(MAY_ASK_FOR_NAME, False, process)
    kernel.QueryFullProcessImageNameW(handle, 0, path, ctypes.byref(size))
    kernel.CloseHandle(handle)
    return os.path.basename(path.value).lower()


# In the system's language, as the settings are read later.
WORDS = {
    "ru": {
        "too_old": "Нужен Python 3.10 или новее, а это Python {version} ({python}). Установите "
        "новый с python.org и запустите этой же командой с ним.",
        "no_ssl": "В этом Python ({python}) нет работающего модуля ssl, а без него нет "
        "шифрования, поэтому бот с ним не работает. Установите другой Python, например с "
        "python.org или из пакетов системы, и запустите этой же командой с ним.",
        "installing": "Библиотек нет. Устанавливаю их в папку {folder}, это займёт около минуты…",
        "updating": "Список библиотек изменился. Обновляю их в папке {folder}…",
        "waiting": "Библиотеки уже устанавливает другой запуск. Жду, пока он закончит…",
        "hides": "{file} рядом с main.py называется так же, как нужная боту библиотека, и "
        "закрывает её собой. Переименуйте {file} и запустите ещё раз.",
        "same_name": "{file} рядом с main.py называется так же, как модуль самого Python, и "
        "вместо этого файла берётся модуль Python. Если файл вам нужен, переименуйте его.",
        "not_ours": "{folder} — это не то, что создаёт бот: это ссылка, файл или папка с чужими "
        "файлами. Ничего не изменено. Переименуйте {folder} и запустите ещё раз.",
        "no_venv": "В этом Python нет модуля venv, без него библиотеки не установить. В Debian и "
        "Ubuntu: sudo apt install python3-venv. Затем запустите ещё раз.",
        "no_space": "Библиотеки не установлены: на диске нет места. Освободите около 100 МБ и "
        "запустите ещё раз.",
        "no_links": "Библиотеки не установлены: диск, на котором лежит {root}, не поддерживает "
        "ссылки, а без них не создать .venv. Переместите бота на другой диск (не FAT и не exFAT) "
        "и запустите ещё раз.",
        "no_writing": "Библиотеки не установлены: в папку {root} нельзя записывать, или её файлы "
        "заняты другой программой. Переместите бота в свою папку или измените права на эту.",
        "clock": "Библиотеки не установлены: по часам этого компьютера ({now}) сертификат "
        "pypi.org не действует. Сначала поставьте верное время, затем запустите ещё раз.",
        "certificate": "Библиотеки не установлены: сертификату pypi.org нет доверия. Если трафик "
        "проверяет прокси организации, укажите файл с его сертификатом в переменной PIP_CERT.",
        "proxy": "Библиотеки не установлены: прокси не пропускает к pypi.org. Проверьте адрес, имя "
        "и пароль в переменной HTTPS_PROXY (http://имя:пароль@адрес:порт).",
        "script": "Библиотеки не установлены: в {where} указан адрес сценария (PAC), а не прокси. "
        "Откройте сценарий или спросите администратора и укажите там сам прокси "
        "(http://имя:пароль@адрес:порт).",
        "no_network": "Библиотеки не установлены: pypi.org не отвечает. Проверьте подключение к "
        "интернету. Если он доступен через прокси, укажите его в переменной HTTPS_PROXY.",
        "failed": "Библиотеки не установлены: {reason}",
        "missing": "В этом Python не хватает библиотек ({missing}). Установите их: {command}",
        "press_enter": "Нажмите Enter, чтобы закрыть окно.",
    },
    "en": {
        "too_old": "This needs Python 3.10 or newer, and this is Python {version} ({python}). "
        "Install a newer one from python.org and start this with it.",
        "no_ssl": "This Python ({python}) has no module ssl that works, and nothing can be "
        "encrypted without it, so the bot does not run with it. Install another Python, such as "
        "the one of python.org or of your system, and start this with it.",
        "installing": "The libraries are missing. Installing them into {folder}, which takes about "
        "a minute…",
        "updating": "The list of libraries has changed. Updating them in {folder}…",
        "waiting": "Another start is installing the libraries already. Waiting for it…",
        "hides": "{file} beside main.py has the name of a library that the bot needs, and hides "
        "it. Rename {file} and start this again.",
        "same_name": "{file} beside main.py has the name of one of Python's own modules, and "
        "Python's is used. If you need the file, rename it.",
        "not_ours": "{folder} is not what this bot makes: it is a link, a file, or a folder with "
        "other files in it. Nothing was changed. Rename {folder} and start this again.",
        "no_venv": "This Python has no module venv, which is needed to install the libraries. On "
        "Debian and Ubuntu: sudo apt install python3-venv. Then start this again.",
        "no_space": "The libraries are not installed: the disk is full. Free about 100 MB and "
        "start this again.",
        "no_links": "The libraries are not installed: the disk that holds {root} knows no links, "
        "which .venv needs. Move the bot to another disk (not FAT or exFAT) and start this again.",
        "no_writing": "The libraries are not installed: the folder {root} cannot be written, or "
        "another program holds its files. Move the bot into a folder of your own, or change the "
        "permissions of this one.",
        "clock": "The libraries are not installed: by this computer's clock ({now}) the "
        "certificate of pypi.org is not valid. Set the clock right first, then start this again.",
        "certificate": "The libraries are not installed: the certificate of pypi.org is not "
        "trusted. If a proxy of your company inspects the traffic, put the file with its "
        "certificate into the variable PIP_CERT.",
        "proxy": "The libraries are not installed: the proxy does not let this through to "
        "pypi.org. Check address, name and password in the variable HTTPS_PROXY "
        "(http://name:password@address:port).",
        "script": "The libraries are not installed: {where} has the address of a script (PAC) and "
        "not of a proxy. Open the script, or ask your administrator, and put the proxy itself "
        "there (http://name:password@address:port).",
        "no_network": "The libraries are not installed: pypi.org does not answer. Check the "
        "internet connection. If it goes through a proxy, put that into the variable HTTPS_PROXY.",
        "failed": "The libraries are not installed: {reason}",
        "missing": "This Python lacks libraries ({missing}). Install them: {command}",
        "press_enter": "Press Enter to close this window.",
    },
    "de": {
        "too_old": "Nötig ist Python 3.10 oder neuer, und dies ist Python {version} ({python}). "
        "Installieren Sie ein neueres von python.org und starten Sie damit.",
        "no_ssl": "Diesem Python ({python}) fehlt ein Modul ssl, das funktioniert. Ohne es lässt "
        "sich nichts verschlüsseln, der Bot läuft damit also nicht. Installieren Sie ein anderes "
        "Python, etwa von python.org oder aus den Paketen des Systems, und starten Sie damit.",
        "installing": "Die Bibliotheken fehlen. Sie werden in {folder} installiert, das dauert "
        "etwa eine Minute…",
        "updating": "Die Liste der Bibliotheken hat sich geändert. Sie werden in {folder} "
        "aktualisiert…",
        "waiting": "Ein anderer Start installiert die Bibliotheken gerade. Es wird auf ihn "
        "gewartet…",
        "hides": "{file} neben main.py heißt wie eine Bibliothek, die der Bot braucht, und "
        "verdeckt sie. Benennen Sie {file} um und starten Sie noch einmal.",
        "same_name": "{file} neben main.py heißt wie ein Modul von Python selbst, und das von "
        "Python wird verwendet. Wenn Sie die Datei brauchen, benennen Sie sie um.",
        "not_ours": "{folder} hat nicht der Bot angelegt: Es ist ein Link, eine Datei oder ein "
        "Ordner mit fremden Dateien. Nichts wurde geändert. Benennen Sie {folder} um und starten "
        "Sie noch einmal.",
        "no_venv": "Diesem Python fehlt das Modul venv, ohne das sich die Bibliotheken nicht "
        "installieren lassen. Debian und Ubuntu: sudo apt install python3-venv. Starten Sie danach "
        "noch einmal.",
        "no_space": "Die Bibliotheken sind nicht installiert: Der Datenträger ist voll. Geben Sie "
        "etwa 100 MB frei und starten Sie noch einmal.",
        "no_links": "Die Bibliotheken sind nicht installiert: Der Datenträger mit {root} kennt "
        "keine Links, die .venv braucht. Verschieben Sie den Bot auf einen anderen Datenträger "
        "(nicht FAT oder exFAT) und starten Sie noch einmal.",
        "no_writing": "Die Bibliotheken sind nicht installiert: In den Ordner {root} kann nicht "
        "geschrieben werden, oder ein anderes Programm hält seine Dateien. Verschieben Sie den Bot "
        "in einen eigenen Ordner oder ändern Sie die Rechte an diesem.",
        "clock": "Die Bibliotheken sind nicht installiert: Nach der Uhr dieses Computers ({now}) "
        "ist das Zertifikat von pypi.org nicht gültig. Stellen Sie zuerst die Uhr richtig und "
        "starten Sie dann noch einmal.",
        "certificate": "Die Bibliotheken sind nicht installiert: Dem Zertifikat von pypi.org wird "
        "nicht vertraut. Wenn ein Proxy Ihrer Firma den Verkehr prüft, nennen Sie die Datei mit "
        "seinem Zertifikat in der Variablen PIP_CERT.",
        "proxy": "Die Bibliotheken sind nicht installiert: Der Proxy lässt nicht zu pypi.org "
        "durch. Prüfen Sie Adresse, Name und Kennwort in der Variablen HTTPS_PROXY "
        "(http://Name:Kennwort@Adresse:Port).",
        "script": "Die Bibliotheken sind nicht installiert: In {where} steht die Adresse eines "
        "Skripts (PAC) und nicht die eines Proxys. Öffnen Sie das Skript oder fragen Sie Ihren "
        "Administrator und tragen Sie dort den Proxy selbst ein "
        "(http://Name:Kennwort@Adresse:Port).",
        "no_network": "Die Bibliotheken sind nicht installiert: pypi.org antwortet nicht. Prüfen "
        "Sie die Internetverbindung. Wenn sie über einen Proxy geht, nennen Sie ihn in der "
        "Variablen HTTPS_PROXY.",
        "failed": "Die Bibliotheken sind nicht installiert: {reason}",
        "missing": "Diesem Python fehlen Bibliotheken ({missing}). Installieren Sie sie: {command}",
        "press_enter": "Drücken Sie die Eingabetaste, um dieses Fenster zu schließen.",
    },
    "es": {
        "too_old": "Hace falta Python 3.10 o posterior, y este es Python {version} ({python}). "
        "Instale uno más nuevo desde python.org e inicie con él.",
        "no_ssl": "A este Python ({python}) le falta un módulo ssl que funcione, y sin él no se "
        "puede cifrar nada, así que el bot no funciona con él. Instale otro Python, por ejemplo "
        "el de python.org o el de su sistema, e inicie con él.",
        "installing": "Faltan las bibliotecas. Se instalan en {folder}; tarda alrededor de un "
        "minuto…",
        "updating": "La lista de bibliotecas ha cambiado. Se actualizan en {folder}…",
        "waiting": "Otro inicio ya está instalando las bibliotecas. Esperando a que termine…",
        "hides": "{file}, junto a main.py, se llama como una biblioteca que el bot necesita y la "
        "oculta. Cambie el nombre de {file} e inicie de nuevo.",
        "same_name": "{file}, junto a main.py, se llama como un módulo del propio Python, y se "
        "usa el de Python. Si necesita el archivo, cámbiele el nombre.",
        "not_ours": "{folder} no es lo que crea el bot: es un enlace, un archivo o una carpeta "
        "con archivos ajenos. No se ha cambiado nada. Cambie el nombre de {folder} e inicie de "
        "nuevo.",
        "no_venv": "A este Python le falta el módulo venv, necesario para instalar las "
        "bibliotecas. En Debian y Ubuntu: sudo apt install python3-venv. Después, inicie de nuevo.",
        "no_space": "Las bibliotecas no se han instalado: el disco está lleno. Libere unos 100 MB "
        "e inicie de nuevo.",
        "no_links": "Las bibliotecas no se han instalado: el disco de {root} no admite enlaces, "
        "que .venv necesita. Mueva el bot a otro disco (que no sea FAT ni exFAT) e inicie de "
        "nuevo.",
        "no_writing": "Las bibliotecas no se han instalado: no se puede escribir en la carpeta "
        "{root}, u otro programa retiene sus archivos. Mueva el bot a una carpeta propia o cambie "
        "los permisos de esta.",
        "clock": "Las bibliotecas no se han instalado: según el reloj de este equipo ({now}), el "
        "certificado de pypi.org no es válido. Ponga primero el reloj en hora y después inicie de "
        "nuevo.",
        "certificate": "Las bibliotecas no se han instalado: el certificado de pypi.org no es de "
        "confianza. Si un proxy de su empresa inspecciona el tráfico, indique el archivo con su "
        "certificado en la variable PIP_CERT.",
        "proxy": "Las bibliotecas no se han instalado: el proxy no deja llegar a pypi.org. "
        "Compruebe la dirección, el nombre y la contraseña en la variable HTTPS_PROXY "
        "(http://nombre:contraseña@dirección:puerto).",
        "script": "Las bibliotecas no se han instalado: en {where} figura la dirección de un "
        "script (PAC) y no la de un proxy. Abra el script o pregunte a su administrador e indique "
        "ahí el propio proxy (http://nombre:contraseña@dirección:puerto).",
        "no_network": "Las bibliotecas no se han instalado: pypi.org no responde. Compruebe la "
        "conexión a internet. Si pasa por un proxy, indíquelo en la variable HTTPS_PROXY.",
        "failed": "Las bibliotecas no se han instalado: {reason}",
        "missing": "A este Python le faltan bibliotecas ({missing}). Instálelas: {command}",
        "press_enter": "Pulse Intro para cerrar esta ventana.",
    },
}
