package locale

import "fmt"

// cardStatus are the sentences on status words of a card (ISO/IEC 7816-4, Section 5.6), for whoever holds the card.
// The hexadecimal digits are shown beside them, never in them.
var cardStatus = map[uint16]pair{
	0x9000: {"виконано", "done"},
	0x6281: {"дані картки можуть бути пошкоджені", "the data of the card may be damaged"},
	0x6282: {"файл на картці коротший, ніж оголошено", "the file on the card ends earlier than announced"},
	0x6283: {"застосунок картки зупинено: картку заблокував той, хто видав", "application deactivated: the card is blocked by its issuer"},
	0x6285: {"застосунок картки припинено: картку заблокував той, хто видав", "application terminated: the card is blocked by its issuer"},
	0x6300: {"картка не прийняла підтвердження: введене не підходить до цієї картки", "authentication failed: what was typed does not match this card"},
	0x6400: {"збій картки: тримайте її нерухомо і спробуйте ще раз, а якщо повториться, картку треба замінити", "card error: keep the card still and try again; if it repeats, replace the card"},
	0x6500: {"збій пам'яті картки: тримайте її нерухомо і спробуйте ще раз, а якщо повториться, картку треба замінити", "card memory failure: keep the card still and try again; if it repeats, replace the card"},
	0x6581: {"збій пам'яті картки: тримайте її нерухомо і спробуйте ще раз, а якщо повториться, картку треба замінити", "card memory failure: keep the card still and try again; if it repeats, replace the card"},
	0x6700: {"зчитувач або картка не підтримує такої довжини", "wrong length: the reader or the card does not support it"},
	0x6882: {"картка не підтримує захищеного обміну", "secure messaging is not supported"},
	0x6883: {"картка чекала останньої частини команди", "the last command of the chain was expected"},
	0x6884: {"картка не приймає команду частинами", "command chaining is not supported"},
	0x6982: {"ці дані закриті: потрібен захищений обмін, ПІН або контактний зчитувач", "security status not satisfied: needs secure messaging, a PIN or a contact reader"},
	0x6983: {"ПІН картки заблоковано", "the PIN is blocked"},
	0x6984: {"дані, на які посилається команда, непридатні", "the referenced data are unusable"},
	0x6985: {"картка не дозволяє цього через цей зчитувач або в такому порядку", "not allowed over this interface or in this order"},
	0x6986: {"на картці не вибрано застосунку або файлу", "command not allowed: no application or file selected"},
	0x6987: {"захищений обмін перервано: прикладіть картку ще раз", "secure messaging objects are missing: restart the read"},
	0x6988: {"захищений обмін порушено: прикладіть картку ще раз", "secure messaging objects are wrong: restart the read"},
	0x6A80: {"картка не прийняла даних команди", "the data of the command are wrong"},
	0x6A81: {"картка не підтримує цієї функції", "the function is not supported by this card"},
	0x6A82: {"на цій картці такого застосунку або запису немає", "application or object not on this card"},
	0x6A84: {"на картці бракує місця", "not enough space on the card"},
	0x6A86: {"картка не знає таких параметрів, наприклад іншого виду ключа", "wrong parameters, such as another kind of key"},
	0x6A87: {"довжина команди не відповідає її параметрам", "the length does not fit the parameters"},
	0x6A88: {"на картці немає такого ключа або запису", "key or data not found"},
	0x6B00: {"читання за межею файлу", "offset beyond the file"},
	0x6D00: {"картка іншого виду: такої команди вона не знає", "instruction not supported: not a card of this kind"},
	0x6E00: {"картка іншого виду: такого класу команд вона не знає", "class not supported: not a card of this kind"},
	0x6F00: {"збій картки без названої причини", "card failure without a stated cause"},
}

// cardOther are the sentences on status words without one of their own.
var (
	cardOther   = pair{"картка відповіла кодом, якого стандарт не пояснює", "an answer that the standard does not explain"}
	cardMore    = pair{"картка має ще дані", "the card has more data"}
	cardLength  = pair{"картка просить іншої довжини", "the card asks for another length"}
	cardBlocked = pair{"ПІН неправильний; спроб не лишилося", "wrong PIN; blocked"}
	cardTries   = pair{"ПІН неправильний; лишилося спроб: %d", "wrong PIN; tries left: %d"}
)

// CardStatus explains a status word of a card in one clause. Every status word has a text.
func CardStatus(lang string, status uint16) string {
	i := side(lang)
	if t, ok := cardStatus[status]; ok {
		return t[i]
	}
	switch {
	case status == 0x63C0:
		return cardBlocked[i]
	case status&0xFFF0 == 0x63C0:
		return fmt.Sprintf(cardTries[i], status&0xF)
	case status>>8 == 0x61:
		return cardMore[i]
	case status>>8 == 0x6C:
		return cardLength[i]
	}
	return cardOther[i]
}

// trouble is what a person reads when a reader gives no card to read.
type trouble struct {
	cause, remedy pair
}

// troubles are the texts on readers, by the codes of package nfc/pcsc.
var troubles = map[string]trouble{
	"reader-not-built": {
		pair{"Ця програма зібрана без підтримки зчитувачів карток.", "This program was built without support for card readers."},
		pair{"Встановіть збірку з підтримкою карток або зберіть самі: apt-get install libpcsclite-dev pkg-config gcc, потім go build -tags pcsc ./cmd/posvid-verify. QR-коди і файли перевіряються і без неї.",
			"Install the build with card support, or build it: apt-get install libpcsclite-dev pkg-config gcc, then go build -tags pcsc ./cmd/posvid-verify. QR codes and files are verified without it."}},
	"reader-no-service": {
		pair{"Службу карток (pcscd) не запущено.", "The card service (pcscd) is not running."},
		pair{"Встановіть і запустіть її: apt-get install pcscd, systemctl enable --now pcscd.socket.", "Install and start it: apt-get install pcscd, systemctl enable --now pcscd.socket."}},
	"reader-refused": {
		pair{"Служба карток не пустила цього користувача (polkit).", "The card service refused this user (polkit)."},
		pair{"Дозвольте йому дії org.debian.pcsc-lite.access_pcsc і org.debian.pcsc-lite.access_card у /etc/polkit-1/rules.d.",
			"Allow the actions org.debian.pcsc-lite.access_pcsc and org.debian.pcsc-lite.access_card for this user in /etc/polkit-1/rules.d."}},
	"reader-none": {
		pair{"Зчитувача карток не знайдено.", "No card reader was found."},
		pair{"Під'єднайте зчитувач; якщо він під'єднаний, перевірте кабель і драйвер (pcsc_scan -r).", "Plug in the reader; if it is plugged in, check its cable and driver (pcsc_scan -r)."}},
	"reader-kernel": {
		pair{"Зчитувача не видно: його, схоже, зайняв драйвер ядра pn533.", "No reader is visible: the kernel driver pn533 seems to hold it."},
		pair{"Звільніть його: modprobe -r pn533_usb pn533 nfc, і внесіть ці модулі до /etc/modprobe.d у рядках blacklist.", "Release it: modprobe -r pn533_usb pn533 nfc, and add these modules to /etc/modprobe.d as blacklist lines."}},
	"reader-unknown": {
		pair{"Зчитувача з такою назвою немає.", "There is no reader of that name."},
		pair{"Подивіться назви командою doctor і назвіть один із них.", "See the names with the command doctor and name one of them."}},
	"reader-virtual": {
		pair{"Зчитувач віртуальний: за ним програма, а не картка.", "The reader is virtual: behind it is a program, not a card."},
		pair{"Під'єднайте справжній зчитувач. Для випробувань є --allow-virtual-reader.", "Plug in a real reader. For tests there is --allow-virtual-reader."}},
	"reader-not-allowed": {
		pair{"Цього зчитувача немає в переліку дозволених.", "The reader is not on the list of allowed ones."},
		pair{"Користуйтеся зчитувачем із переліку або зверніться до технічного адміністратора.", "Use a reader of the list, or ask the trust operator."}},
	"reader-busy": {
		pair{"Зчитувач зайнятий іншою програмою.", "Another program holds the reader."},
		pair{"Закрийте програми, що працюють із картками: gpg (gpgconf --kill scdaemon), браузер, програму підпису. Хто тримає зчитувач, покаже lsof /run/pcscd/pcscd.comm.",
			"Close the programs that use cards: gpg (gpgconf --kill scdaemon), the browser, signing software. lsof /run/pcscd/pcscd.comm shows who holds it."}},
	"reader-lost": {
		pair{"Зчитувач від'єднано або він перестав відповідати.", "The reader was unplugged or stopped answering."},
		pair{"Від'єднайте зчитувач і під'єднайте знову, потім прикладіть картку.", "Unplug the reader and plug it in again, then lay the card on it."}},
	"reader-fault": {
		pair{"Зчитувач повідомив про збій.", "The reader reported a fault."},
		pair{"Прикладіть картку ще раз; якщо повториться, під'єднайте зчитувач знову.", "Lay the card on again; if it repeats, plug the reader in again."}},
	"card-none": {
		pair{"На зчитувачі немає картки.", "There is no card on the reader."},
		pair{"Прикладіть картку до зчитувача.", "Lay the card on the reader."}},
	"card-several": {
		pair{"Картки лежать на двох зчитувачах.", "Cards lie on two readers."},
		pair{"Залиште одну картку або назвіть зчитувач: --reader.", "Leave one card, or name the reader: --reader."}},
	"card-mute": {
		pair{"Картка не відповідає зчитувачу.", "The card does not answer the reader."},
		pair{"Приберіть картку і прикладіть її іншим боком або рівніше; лише одну.", "Take the card away and lay it on again, turned or straighter; only one card."}},
	"card-torn": {
		pair{"Картку забрали під час читання.", "The card moved away while it was read."},
		pair{"Прикладіть картку ще раз і тримайте нерухомо.", "Lay the card on again and hold it still."}},
	"card-reset": {
		pair{"Читання перебила інша програма, що працює з карткою.", "Another program that uses the card interrupted the read."},
		pair{"Закрийте інші програми для карток і прикладіть картку ще раз.", "Close other card programs and lay the card on again."}},
	"card-timeout": {
		pair{"Картка не відповіла вчасно.", "The card did not answer in time."},
		pair{"Приберіть картку, прикладіть ще раз і тримайте нерухомо.", "Take the card away, lay it on again and hold it still."}},
}

// CardTrouble explains why no card could be read: the cause and what to do. The codes are those of package nfc/pcsc;
// an unknown one reads as "reader-fault".
func CardTrouble(lang, code string) (cause, remedy string) {
	t, ok := troubles[code]
	if !ok {
		t = troubles["reader-fault"]
	}
	i := side(lang)
	return t.cause[i], t.remedy[i]
}

// HasCardTrouble reports whether a code of a reader has its texts in every language of [Languages].
func HasCardTrouble(code string) bool {
	t, ok := troubles[code]
	for i := range Languages() {
		ok = ok && t.cause[i] != "" && t.remedy[i] != ""
	}
	return ok
}

// cardObjects are the things that are read from a card, by their names in the standards.
var cardObjects = map[string]string{
	"PIV application":                 "застосунок PIV",
	"CHUID":                           "номер картки (CHUID)",
	"card authentication certificate": "сертифікат картки",
	"key 9E":                          "підпис картки",
	"security object":                 "перелік хешів картки",
	"printed information":             "надруковані відомості",
	"facial image":                    "світлина на картці",
	"NDEF file":                       "запис на картці",
	"record":                          "запис органу на картці",
	"carrier number":                  "номер безконтактного носія",
}

// CardObject names a thing that is read from a card. One without a Ukrainian name keeps that of its standard.
func CardObject(lang, name string) string {
	if uk, ok := cardObjects[name]; ok && side(lang) == 0 {
		return uk
	}
	return name
}
