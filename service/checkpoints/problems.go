package checkpoints

import (
	"net/http"

	"github.com/posvid/posvid/service"
)

// Problems of this part.
var (
	onboardRefused = service.NewProblem(http.StatusForbidden, "onboarding-refused", "Код підключення не підходить.", "The onboarding code does not fit.",
		"Попросіть адміністратора пункту новий код.", "Ask the administrator of the checkpoint for a new code.")
	badRequest = service.NewProblem(http.StatusUnprocessableEntity, "bad-verifier-request", "Запит пристрою не підходить до цього пункту.", "The device's request does not fit this checkpoint.",
		"Зробіть запит наново для органу, назви і класу, які показує код.", "Make the request anew, for the body, name and class that the code shows.")
	deviceStopped = service.NewProblem(http.StatusForbidden, "device-stopped", "Цей пристрій зупинено.", "This device has been stopped.",
		"Зверніться до адміністратора пункту.", "Ask the administrator of the checkpoint.")
	noAccount = service.NewProblem(http.StatusForbidden, "no-checkpoint-account", "Для цього пристрою тут немає запису пункту.", "There is no checkpoint account for this device here.",
		"Набір довіри надходить і так; решту дає служба свого органу.", "Bundles come all the same; the rest is given by the service of the device's own body.")
	unknownCheckpoint = service.NewProblem(http.StatusNotFound, "unknown-checkpoint", "Такого пункту немає.", "There is no such checkpoint.",
		"Перевірте перелік.", "Check the list.")
	wrongState = service.NewProblem(http.StatusConflict, "checkpoint-state", "Зараз цього зробити не можна.", "This cannot be done now.",
		"Оновіть сторінку: стан пункту змінився.", "Reload the page: the state of the checkpoint has changed.")
	nameTaken = service.NewProblem(http.StatusConflict, "checkpoint-name", "Пункт з такою назвою вже є.", "There is a checkpoint of that name already.",
		"Дайте іншу назву.", "Give another name.")
	tooMany = service.NewProblem(http.StatusConflict, "too-many", "Їх уже найбільше, ніж можна.", "There are as many as may be.",
		"Зупиніть непотрібні.", "Stop those that are not needed.")
	keyTaken = service.NewProblem(http.StatusConflict, "key-taken", "Ключ цього пристрою вже має інший пункт.", "Another checkpoint has the key of this device.",
		"Зробіть на пристрої нові ключі в порожній теці стану.", "Make new keys on the device, in an empty state folder.")
	guardTaken = service.NewProblem(http.StatusConflict, "guard-name", "Такий вартовий у цього пункту вже є.", "This checkpoint has such a guard already.",
		"Додайте до імені номер.", "Add a number to the name.")
	badPolicy = service.NewProblem(http.StatusUnprocessableEntity, "bad-policy", "Таких правил не підписати.", "Such a policy cannot be signed.",
		"Перевірте рівень, вік даних і строк.", "Check the level, the ages and the term.")
	noSigner = service.NewProblem(http.StatusConflict, "no-issuer-key", "На цьому сервері немає ключа видавця.", "This host does not have the issuer key.",
		"Підпишіть там, де орган видає посвідчення.", "Sign where the body issues its IDs.")
	notHere = service.NewProblem(http.StatusConflict, "not-trust-operator", "Технічний адміністратор не на цьому сервері.", "The trust operator is not on this host.",
		"Завантажте файл запиту і передайте йому.", "Download the request file and hand it over.")
	admitRefused = service.NewProblem(http.StatusConflict, "not-admitted", "Запит не прийнято.", "The request was not taken.",
		"Запит застарів або його ключ уже допущено: підключіть пристрій наново.", "The request is too old, or its key is admitted already: onboard the device anew.")
	noPack = service.NewProblem(http.StatusNotFound, "no-pack", "Світлин цього органу для пристрою немає.", "There are no photos of this body for the device.",
		"Орган має обрати цей пристрій.", "The body has to choose this device.")
	noPortrait = service.NewProblem(http.StatusNotFound, "no-portrait", "Такої світлини немає.", "There is no such portrait.",
		"Звірте обличчя з пластиковим посвідченням.", "Compare the face with the plastic card.")
	badJournal = service.NewProblem(http.StatusUnprocessableEntity, "bad-journal", "Журнал не прийнято.", "The journal was not taken.",
		"Оновіть набір довіри і правила пункту, тоді повторіть.", "Bring bundle and policy up to date, then try again.")
	journalKnown = service.NewProblem(http.StatusConflict, "journal-conflict", "Ці події вже надійшли з іншим вмістом.", "These events came before with another content.",
		"Наступні події надсилайте далі; ці лишаються на пристрої.", "Send the events after them; these stay on the device.")
	journalFull = service.NewProblem(http.StatusInsufficientStorage, "journal-full", "Місце для журналів цього пункту скінчилося.", "There is no more room for journals of this checkpoint.",
		"Адміністратор органу має забрати старі журнали.", "The administrator of the body has to take the old journals away.")
	badForm = service.NewProblem(http.StatusUnprocessableEntity, "bad-field", "Поле заповнено неправильно.", "A field is not filled in as it should be.",
		"Перевірте позначене поле.", "Check the field.")
)
