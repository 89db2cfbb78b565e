package registrar

import (
	"errors"
	"net/http"

	"github.com/posvid/posvid/crypto/keys"
	"github.com/posvid/posvid/hr"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/service"
	"github.com/posvid/posvid/store"
)

// Problems of the registrar's pages.
var (
	errNoSuchLoad  = service.NewProblem(http.StatusNotFound, "no-load", "Такого завантаження тут немає.", "There is no such load here.", "Відкрийте перелік кадрових файлів.", "Open the list of staff files.")
	errNoSuchID    = service.NewProblem(http.StatusNotFound, "no-id", "Такого посвідчення тут немає.", "There is no such ID here.", "Відкрийте перелік посвідчень.", "Open the list of IDs.")
	errNoSuchJob   = service.NewProblem(http.StatusNotFound, "no-job", "Такої масової зміни тут немає.", "There is no such change of many here.", "Відкрийте перелік посвідчень.", "Open the list of IDs.")
	errNoProposal  = service.NewProblem(http.StatusNotFound, "no-proposal", "Такої пропозиції тут немає.", "There is no such proposal here.", "Відкрийте сторінку підписувачів.", "Open the page of operators.")
	errNoOperator  = service.NewProblem(http.StatusForbidden, "not-an-operator", "Ваш обліковий запис не пов'язано з підписувачем органу.", "Your account is not linked to an operator of the body.", "Адміністратор органу має вказати ваш номер підписувача.", "The body's administrator has to give your operator number.")
	errNoKeyHere   = service.NewProblem(http.StatusConflict, "key-elsewhere", "Вашого ключа підписувача на цьому сервері немає.", "Your operator key is not on this server.", "Підпишіть на своїй машині: posvid hr approve, тоді надішліть файл підпису.", "Sign on your own machine: posvid hr approve, then send the approval file.")
	errPassphrase  = service.NewProblem(http.StatusForbidden, "passphrase", "Парольна фраза не підходить.", "The passphrase is wrong.", "Введіть парольну фразу свого ключа підписувача.", "Type the passphrase of your own operator key.")
	errTooMany     = service.NewProblem(http.StatusTooManyRequests, "passphrase-tries", "Забагато хибних парольних фраз.", "Too many wrong passphrases.", "Зачекайте 15 хвилин.", "Wait 15 minutes.")
	errPlanChanged = service.NewProblem(http.StatusConflict, "plan-changed", "План змінився, відколи ви його бачили.", "The plan has changed since you looked at it.", "Перегляньте план ще раз і тоді підпишіть.", "Look at the plan again, then sign.")
	errStage       = service.NewProblem(http.StatusConflict, "wrong-stage", "Зараз цього зробити не можна: хтось уже пішов далі.", "This cannot be done now: somebody went on already.", "Оновіть сторінку і подивіться на стан.", "Reload the page and look at the state.")
	errNoFile      = service.NewProblem(http.StatusBadRequest, "no-file", "Файл не надіслано.", "No file was sent.", "Виберіть файл і надішліть ще раз.", "Choose a file and send it again.")
	errUpload      = service.NewProblem(http.StatusBadRequest, "upload-broken", "Файл надійшов не повністю.", "The file did not arrive whole.", "Надішліть файл ще раз.", "Send the file again.")
	errForm        = service.NewProblem(http.StatusBadRequest, "bad-form", "Форму не прочитано.", "The form cannot be read.", "Відкрийте сторінку заново і заповніть форму.", "Open the page again and fill the form.")
	errContentType = service.NewProblem(http.StatusUnsupportedMediaType, "content-type", "Надіслано не форму.", "What was sent is no form.", "Скористайтеся формою на сторінці.", "Use the form on the page.")
	errNothing     = service.NewProblem(http.StatusBadRequest, "nothing-chosen", "Нікого не вибрано.", "Nobody was chosen.", "Виберіть людей і повторіть.", "Choose people and try again.")
	errListTooLong = service.NewProblem(http.StatusBadRequest, "list-too-long", "Перелік задовгий.", "The list is too long.", "Поділіть перелік на частини.", "Part the list.")
	errApproval    = service.NewProblem(http.StatusBadRequest, "approval-file", "Це не підпис під цим планом.", "This is no approval of this plan.", "Підпишіть саме цей план: posvid hr approve.", "Sign this very plan: posvid hr approve.")
	errProposalUp  = service.NewProblem(http.StatusConflict, "proposal-waits", "Інша пропозиція ще чекає.", "Another proposal still waits.", "Виконайте її або відкличте.", "Carry it out or withdraw it.")
	errDay         = service.NewProblem(http.StatusBadRequest, "bad-order-date", "Дата наказу не є датою.", "The order's date is no date.", "Потрібно ДД.ММ.РРРР, не пізніше за сьогодні.", "Want ДД.ММ.РРРР, not after today.")
	errNotOperator = service.NewProblem(http.StatusNotFound, "no-trust-register", "Цей сервер не є сервером технічного адміністратора.", "This server is not the trust operator's.", "Зробіть це на його сервері.", "Do it on that server.")
	errTrustFile   = service.NewProblem(http.StatusBadRequest, "trust-file", "Файл не прийнято.", "The file was not taken.", "Перевірте, що це за файл, і його свіжість.", "Check what file it is and how fresh.")
)

// text is a sentence in both languages with the next step.
type text struct{ uk, en, nextUK, nextEN string }

// refusalTexts are the refusals of the register as the pages tell them.
var refusalTexts = map[issuer.RegisterCode]text{
	issuer.ApprovalMalformed:       {"Підпис пошкоджено, або це не підпис.", "The approval is damaged or is none.", "Підпишіть ще раз.", "Sign again."},
	issuer.ApprovalUnknownOperator: {"Підпис зробив той, хто не є підписувачем органу.", "The signature is of nobody who is an operator of the body.", "Перегляньте сторінку підписувачів.", "Look at the page of operators."},
	issuer.ApprovalSignature:       {"Підпис не сходиться.", "The signature does not verify.", "Підпишіть ще раз.", "Sign again."},
	issuer.ApprovalOtherBody:       {"Підпис зроблено для іншого органу.", "The approval was made for another body.", "Підпишіть план цього органу.", "Sign this body's plan."},
	issuer.ApprovalOtherThing:      {"Підпис зроблено під іншим планом або пропозицією.", "The approval is for another plan or proposal.", "Підпишіть саме це.", "Sign this very one."},
	issuer.ApprovalEdited:          {"Те, що підписано, відтоді змінилося.", "What was signed has changed since.", "Перегляньте і підпишіть ще раз.", "Look at it and sign again."},
	issuer.ApprovalExpired:         {"Строк підпису минув, або годинник сервера хибний.", "The approval has expired, or the server's clock is wrong.", "Зробіть план заново.", "Make the plan anew."},
	issuer.ApprovalRole:            {"У підписувача немає потрібної ролі: автор має бути кадровиком, друга особа — другим підписувачем.", "The operator lacks the role: an author is a registrar, the second person an approver.", "Хай підпише той, хто має роль.", "Let one with the role sign."},
	issuer.ApprovalAuthor:          {"Має бути рівно один підпис автора.", "There has to be exactly one author's signature.", "Зробіть план заново.", "Make the plan anew."},
	issuer.ApprovalSamePerson:      {"Автор і другий підписувач — одна особа, а мають бути дві різні.", "Author and approver are one person and must be two.", "Хай підпише інша особа.", "Let another person sign."},
	issuer.ApprovalMissing:         {"Бракує підпису другої особи.", "The second person's signature is missing.", "Хай підпише другий підписувач.", "Let the approver sign."},
	issuer.ActionReplayed:          {"Це вже виконано; вдруге воно не діє.", "This was carried out; it does not work twice.", "Для нової зміни зробіть нову пропозицію.", "Make a new proposal for a new change."},
	issuer.ActionExpired:           {"Строк пропозиції минув.", "The proposal has expired.", "Зробіть її заново.", "Make it anew."},
	issuer.ActionNumber:            {"Номер пропозиції не черговий.", "The proposal's number is not the next one.", "Відкличте її і зробіть заново.", "Withdraw it and make it anew."},
	issuer.ActionOtherBody:         {"Пропозицію зроблено для іншого органу.", "The proposal is another body's.", "Відкрийте сторінку того органу.", "Open that body's page."},
	issuer.OperatorInvalid:         {"З таких даних підписувача не зробити: потрібні ім'я до 120 знаків, РНОКПП або табельний номер, роль.", "No operator can be made of this: want a name of up to 120 characters, РНОКПП or staff number, a role.", "Виправте поля.", "Mend the fields."},
	issuer.OperatorKnown:           {"Ця особа вже є підписувачем, або цей ключ уже комусь належав.", "This person is an operator already, or the key was somebody's.", "Перегляньте перелік підписувачів.", "Look at the list of operators."},
	issuer.OperatorUnknown:         {"Такого підписувача немає.", "There is no such operator.", "Перегляньте перелік підписувачів.", "Look at the list of operators."},
	issuer.OperatorsTooFew:         {"Після цього не лишиться кадровика і другого підписувача, які є різними особами.", "After this no registrar and approver who are different persons would remain.", "Спершу додайте ще одного.", "Add another one first."},
	issuer.PlanMalformed:           {"У плані є кроки, яких з цього файла не могло вийти.", "The plan has steps that no file could have made.", "Зробіть план заново.", "Make the plan anew."},
	issuer.PlanOtherBody:           {"План зроблено для іншого органу.", "The plan is for another body.", "Відкрийте сторінку того органу.", "Open that body's page."},
	issuer.PlanExpired:             {"Строк плану минув, або він із майбутнього.", "The plan has expired, or is from the future.", "Зробіть план заново з того самого файла.", "Make the plan anew from the same file."},
	issuer.PlanStale:               {"Після цього плану реєстр змінився, тож план уже не відповідає йому.", "The register has changed since the plan was made.", "Зробіть план заново з того самого файла.", "Make the plan anew from the same file."},
	issuer.PlanReplayed:            {"Цей план уже застосовано, або його замінив новіший.", "This plan was applied already, or a newer one took its place.", "Зробіть план заново з того самого файла.", "Make the plan anew from the same file."},
	issuer.PlanPersonTwice:         {"У плані одна особа на одній посаді двічі.", "The plan has one person in one post twice.", "Виправте файл і завантажте його ще раз.", "Mend the file and load it again."},
	issuer.PlanUnbound:             {"Номери осіб з файла не відповідають плану.", "The persons' numbers of the file do not fit the plan.", "Завантажте файл ще раз.", "Load the file again."},
	issuer.NotEntitled:             {"Особа зараз не має права на посвідчення, або орган зупинив його.", "The person has no right to an ID now, or the office has suspended it.", "Причини — на сторінці «Хто без посвідчення».", "The reasons stand on the page \"Without an ID\"."},
	issuer.NotEnrolled:             {"Особа не підключена.", "The person is not enrolled.", "Підключені — на сторінці посвідчень.", "The enrolled stand on the page of IDs."},
	issuer.ManualInvalid:           {"За цим рядком права на посвідчення не дати.", "No entitlement can be made of this row.", "Виправте рядок і повторіть.", "Mend the row and try again."},
}

// otherRefusals are refusals of issuing and of the store.
var otherRefusals = []struct {
	err    error
	status int
	code   string
	text   text
}{
	{issuer.ErrGround, http.StatusBadRequest, "ground", text{"Підстава не підходить до цієї зміни, або бракує наказу з датою.", "The ground does not fit this change, or its order and date are missing.", "Виберіть іншу підставу або дайте номер і дату наказу.", "Choose another ground, or give the order's number and date."}},
	{issuer.ErrState, http.StatusConflict, "state", text{"З нинішнього стану посвідчення так змінити не можна.", "The ID's state does not allow this change.", "Подивіться на стан та історію посвідчення.", "Look at the ID's state and history."}},
	{issuer.ErrNotEntitled, http.StatusConflict, "not-entitled", text{"Особа зараз не має права на посвідчення.", "The person has no right to an ID now.", "Це закінчується кадровим файлом.", "A staff file ends this."}},
	{issuer.ErrNotFound, http.StatusNotFound, "not-found", text{"Такого запису немає.", "There is no such row.", "Відкрийте перелік і знайдіть його там.", "Open the list and find it there."}},
	{issuer.ErrAudit, http.StatusInternalServerError, "audit-broken", text{"Ланцюжок аудиту порушено.", "The audit chain is broken.", "Не змінюйте сховища, збережіть копію і повідомте технічного адміністратора.", "Leave the store as it is, keep a copy and tell the trust operator."}},
	{store.ErrDiskFull, http.StatusInsufficientStorage, "disk-full", text{"На диску немає місця; нічого не втрачено і нічого не зроблено наполовину.", "The disk is full; nothing is lost, nothing half done.", "Звільніть місце і повторіть.", "Free space and try again."}},
	{store.ErrStopped, http.StatusServiceUnavailable, "store-stopped", text{"Сховище зупинилося після збою диска.", "The store stopped after a failure of the disk.", "Повідомте технічного адміністратора.", "Tell the trust operator."}},
	{store.ErrIO, http.StatusInternalServerError, "disk", text{"Диск не прочитати або не записати.", "The disk cannot be read or written.", "Повідомте технічного адміністратора.", "Tell the trust operator."}},
	{store.ErrBusy, http.StatusServiceUnavailable, "store-busy", text{"Сховище зайнято.", "The store is busy.", "Повторіть за хвилину.", "Try again in a minute."}},
	{keys.ErrPassphrase, http.StatusForbidden, "passphrase", text{errPassphrase.UK, errPassphrase.EN, errPassphrase.NextUK, errPassphrase.NextEN}},
}

// told is the problem that a page shows for an error: named when the cause has a name.
func told(err error) error {
	if err == nil {
		return nil
	}
	var p *service.Problem
	if errors.As(err, &p) {
		return err
	}
	if code := issuer.CodeOfRegister(err); code != "" {
		if t, ok := refusalTexts[code]; ok {
			return service.NewProblem(http.StatusConflict, string(code), t.uk, t.en, t.nextUK, t.nextEN).Because(err)
		}
	}
	var row hr.Problem
	if errors.As(err, &row) {
		return service.NewProblem(http.StatusUnprocessableEntity, string(row.Code), row.Text("uk"), row.Text("en"),
			"Виправте файл і надішліть ще раз.", "Mend the file and send it again.").Because(err)
	}
	for _, o := range otherRefusals {
		if errors.Is(err, o.err) {
			return service.NewProblem(o.status, o.code, o.text.uk, o.text.en, o.text.nextUK, o.text.nextEN).Because(err)
		}
	}
	return err
}

// problem is told as the problem itself; service.Internal for what has no name.
func problem(err error) *service.Problem {
	var p *service.Problem
	if errors.As(told(err), &p) {
		return p
	}
	return service.Internal.Because(err)
}
