package main

import (
	"errors"
	"fmt"

	"github.com/posvid/posvid/cmd/internal/cli"
	"github.com/posvid/posvid/issuer"
	"github.com/posvid/posvid/store"
)

// registerTexts are the refusals of the register as people read them, each with the next step.
var registerTexts = map[issuer.RegisterCode]struct{ uk, en, nextUK, nextEN string }{
	issuer.ApprovalMalformed: {"файл підпису пошкоджено, або це не підпис, або підписів забагато", "an approval file is damaged, is no approval, or there are too many",
		"приберіть зайве з теки plans і підпишіть ще раз: approve", "take what is odd out of plans and sign again: approve"},
	issuer.ApprovalUnknownOperator: {"один із підписів зробив той, хто не є підписувачем органу", "one of the signatures is of nobody who is an operator of the body",
		"перелік підписувачів: posvid operators list", "the operators: posvid operators list"},
	issuer.ApprovalSignature: {"підпис не сходиться: файл підпису змінено", "a signature does not verify: the approval file was changed",
		"хай цей підписувач підпише ще раз", "let that operator sign again"},
	issuer.ApprovalOtherBody: {"підпис зроблено для іншого органу", "an approval was made for another body",
		"підпишіть пропозицію цього органу", "sign the proposal of this body"},
	issuer.ApprovalOtherThing: {"підпис зроблено під іншою пропозицією", "an approval was made for another proposal",
		"підпишіть саме цю: approve", "sign this very one: approve"},
	issuer.ApprovalEdited: {"пропозицію змінено після підпису", "the proposal was changed after it was signed",
		"зробіть її заново з --replace, тоді хай підпише друга особа", "make it anew with --replace, then let the second person sign"},
	issuer.ApprovalExpired: {"строк підпису минув або годинник цієї машини хибний", "an approval has expired, or the clock of this machine is wrong",
		"звірте годинник; якщо він правильний, зробіть пропозицію заново", "check the clock; if it is right, make the proposal anew"},
	issuer.ApprovalRole: {"у підписувача немає потрібної ролі: автор має бути кадровиком, друга особа — другим підписувачем", "the operator lacks the role: an author is a registrar, the second person is an approver",
		"ролі: posvid operators list", "the roles: posvid operators list"},
	issuer.ApprovalAuthor: {"під пропозицією має бути рівно один підпис автора", "a proposal has exactly one signature of an author",
		"зробіть пропозицію заново з --replace", "make the proposal anew with --replace"},
	issuer.ApprovalSamePerson: {"автор і другий підписувач — одна особа, а мають бути дві різні", "author and approver are one person, and must be two",
		"хай підпише інша особа: --as", "let another person sign: --as"},
	issuer.ApprovalMissing: {"бракує підпису другої особи", "the signature of a second person is missing",
		"хай підпише другий підписувач: approve, тоді ще раз apply", "let the approver sign: approve, then apply again"},
	issuer.ActionReplayed: {"пропозицію з цим номером уже виконано, вдруге вона не діє", "the proposal of this number was carried out; it does not work twice",
		"для нової зміни зробіть нову пропозицію", "make a new proposal for a new change"},
	issuer.ActionExpired: {"строк пропозиції минув", "the proposal has expired",
		"зробіть її заново", "make it anew"},
	issuer.ActionNumber: {"номер пропозиції не черговий", "the number of the proposal is not the next one",
		"зробіть пропозицію заново: номер дасть програма", "make the proposal anew: the program gives the number"},
	issuer.ActionOtherBody: {"пропозицію зроблено для іншого органу", "the proposal was made for another body",
		"назвіть її орган: --body", "name its body: --body"},
	issuer.OperatorInvalid: {"з таких даних підписувача не зробити: потрібні ім'я до 120 знаків, РНОКПП або табельний номер, роль", "no operator can be made of this: want a name of up to 120 characters, РНОКПП or staff number, a role",
		`наприклад: posvid operators add "Ім'я:РНОКПП" --role both --as 1`, `for example: posvid operators add "Name:РНОКПП" --role both --as 1`},
	issuer.OperatorKnown: {"ця особа вже є підписувачем, або цей ключ уже комусь належав", "this person is an operator already, or the key was somebody's",
		"перелік підписувачів: posvid operators list", "the operators: posvid operators list"},
	issuer.OperatorUnknown: {"такого підписувача немає", "there is no such operator",
		"перелік підписувачів: posvid operators list", "the operators: posvid operators list"},
	issuer.OperatorsExist: {"перші підписувачі вже є", "the first operators exist already",
		"далі додають удвох: posvid operators add", "later ones are added by two: posvid operators add"},
	issuer.OperatorsTooFew: {"після цього не лишиться кадровика і другого підписувача, які є різними особами", "after this no registrar and approver who are different persons would remain",
		"спершу додайте ще одного: posvid operators add", "add another one first: posvid operators add"},
	issuer.ManualInvalid: {"за цим рядком права на посвідчення не дати: особа має працювати, мати прізвище, ім'я, посаду і номер, і ще не мати права в цій посаді", "no entitlement can be made of this row: the person has to be active, have surname, given name, position and a number, and no entitlement in this post yet",
		"виправте рядок і зробіть запис заново; хто вже є: posvid standings --all", "mend the row and make the entry anew; who is there: posvid standings --all"},
	issuer.PlanMalformed: {"у плані є кроки, яких з цього файла не могло вийти", "the plan has steps that no file could have made",
		"зробіть план заново: posvid hr plan", "make the plan anew: posvid hr plan"},
	issuer.PlanOtherBody: {"план зроблено для іншого органу", "the plan is for another body",
		"назвіть його орган: --body", "name its body: --body"},
	issuer.PlanExpired: {"строк плану минув або він із майбутнього", "the plan has expired, or is from the future",
		"зробіть план заново: posvid hr plan; звірте годинник", "make the plan anew: posvid hr plan; check the clock"},
	issuer.PlanStale: {"після цього плану реєстр змінився, тож план уже не відповідає йому", "the register has changed since the plan was made",
		"зробіть план заново: posvid hr plan", "make the plan anew: posvid hr plan"},
	issuer.PlanReplayed: {"цей план уже застосовано, або його замінив новіший", "this plan was applied already, or a newer one took its place",
		"для нових змін зробіть новий план: posvid hr plan", "make a new plan for new changes: posvid hr plan"},
	issuer.PlanPersonTwice: {"у плані одна особа на одній посаді двічі", "the plan has one person in one post twice",
		"зробіть план заново: posvid hr plan", "make the plan anew: posvid hr plan"},
	issuer.PlanUnbound: {"номери осіб з файла не відповідають плану", "the persons' numbers of the file do not fit the plan",
		"дайте той самий файл, з якого зроблено план", "give the very file the plan was made of"},
	issuer.EnrolmentRefused: {"запит на підключення відхилено", "the enrolment is refused",
		"новий талон: posvid slips --again", "a new slip: posvid slips --again"},
	issuer.PossessionMalformed: {"файл не є запитом гаманця, або його змінено", "the file is no request of a wallet, or was changed",
		"хай власник зробить запит ще раз: posvid wallet enrol", "let the holder make the request again: posvid wallet enrol"},
	issuer.PossessionOtherBody: {"запит зроблено до іншого органу", "the request was made to another body",
		"хай власник назве цей орган: posvid wallet enrol --body", "let the holder name this body: posvid wallet enrol --body"},
	issuer.PossessionStale: {"запит застарів", "the request is stale",
		"хай власник зробить новий: posvid wallet enrol", "let the holder make a new one: posvid wallet enrol"},
	issuer.PossessionAhead: {"запит із майбутнього: годинник телефона спішить", "the request is from the future: the phone's clock is ahead",
		"звірте годинник телефона і зробіть запит ще раз", "check the phone's clock and make the request again"},
	issuer.CodeUnknown: {"такого коду немає", "there is no such code",
		"звірте код на талоні; номер талона: --slip", "compare the code with the slip; the slip's number: --slip"},
	issuer.CodeWrong: {"код не з того талона, який названо", "the code is not that of the slip that was named",
		"звірте код і номер талона; новий талон: posvid slips --again", "compare code and number; a new slip: posvid slips --again"},
	issuer.CodeExpired: {"строк коду минув", "the code has expired",
		"новий талон: posvid slips --again", "a new slip: posvid slips --again"},
	issuer.CodeUsed: {"код уже використано", "the code was used",
		"новий телефон: posvid slips --new-phone НОМЕР", "a new phone: posvid slips --new-phone NUMBER"},
	issuer.CodeBlocked: {"талон закрито після п'яти невдалих спроб", "the slip is blocked after five failed tries",
		"новий талон: posvid slips --again", "a new slip: posvid slips --again"},
	issuer.CodeReplaced: {"талон замінено новішим", "a newer slip took the place of this one",
		"візьміть код із новішого талона", "take the code of the newer slip"},
	issuer.CodeStopped: {"талон закрито його кодом зупинення", "the slip was closed by its stop code",
		"новий талон: posvid slips --again", "a new slip: posvid slips --again"},
	issuer.KeyOfAnother: {"ключ цього телефона належить іншій особі", "the key of this phone belongs to another person",
		"один гаманець — одна особа: posvid wallet new", "one wallet, one person: posvid wallet new"},
	issuer.KeyRevoked: {"ключ цього телефона мав анульоване посвідчення", "the key of this phone had a revoked ID",
		"хай власник зробить новий гаманець: posvid wallet new", "let the holder make a new wallet: posvid wallet new"},
	issuer.NotEntitled: {"особа зараз не має права на посвідчення, або орган зупинив його", "the person has no right to an ID now, or the office has suspended it",
		"чому: posvid standings; зупинене поновлює posvid resume", "why: posvid standings; posvid resume lifts a suspension"},
	issuer.NotEnrolled: {"особа не підключена", "the person is not enrolled",
		"підключені: posvid standings --all", "who is enrolled: posvid standings --all"},
}

// registerRefusal puts a refusal of the register into the reader's language, with its code and the next step.
func registerRefusal(env *cli.Env, err error) error {
	var told *cli.Hinted
	if errors.As(err, &told) {
		return err
	}
	code := issuer.CodeOfRegister(err)
	text, ok := registerTexts[code]
	if !ok {
		return otherRefusal(env, err)
	}
	return cli.Hint(env.Err("%s [%w]", "%s [%w]", env.T(text.uk, text.en), code), env.T(text.nextUK, text.nextEN))
}

// otherTexts are further refusals of issuing and of the store as people read them, each with the next step.
var otherTexts = []struct {
	err                    error
	uk, en, nextUK, nextEN string
}{
	{issuer.ErrGround, "підстава не підходить до цієї зміни, або бракує наказу з датою", "the ground does not fit this change, or its order and date are missing",
		"підстави: --help; наказ: --order НОМЕР --order-date ДД.ММ.РРРР", "grounds: --help; the order: --order NUMBER --order-date ДД.ММ.РРРР"},
	{issuer.ErrState, "з нинішнього стану посвідчення так змінити не можна", "the ID's state does not allow this change",
		"стан та історія: posvid show", "state and history: posvid show"},
	{issuer.ErrNotEntitled, "особа зараз не має права на посвідчення", "the person has no right to an ID now", "чому: posvid standings", "why: posvid standings"},
	{issuer.ErrNotGranted, "встановлений набір довіри не дозволяє ключу органу це підписати", "the installed bundle does not let the body's key sign this",
		"встановіть свіжий набір довіри: posvid bundle install", "install a fresh bundle: posvid bundle install"},
	{issuer.ErrCheck, "готовий токен не пройшов перевірки, яку зробив би вартовий; його не видано", "the finished token fails the check a guard would make; it was not issued",
		"встановіть свіжий набір довіри і повторіть", "install a fresh bundle and repeat"},
	{issuer.ErrSigningStopped, "підписування зупинено підписувачем", "an operator stopped signing", "дозволяє той, хто зупинив", "whoever stopped it allows it again"},
	{issuer.ErrClock, "годинник показує час, раніший за попередню публікацію", "the clock shows a time before the last publication",
		"виставте дату й час цієї машини", "set date and time of this machine"},
	{issuer.ErrAudit, "ланцюжок аудиту порушено", "the audit chain is broken", "не змінюйте body.db, збережіть копію і повідомте технічного адміністратора", "leave body.db as it is, keep a copy and tell the trust operator"},
	{store.ErrDiskFull, "на диску немає місця; нічого не втрачено і нічого не видано наполовину", "the disk is full; nothing is lost, nothing half done",
		"звільніть місце і повторіть ту саму команду", "free space and repeat the same command"},
	{store.ErrIO, "диск не прочитати або не записати", "the disk cannot be read or written", "перевірте диск і повторіть ту саму команду", "check the disk and repeat the same command"},
	{store.ErrBusy, "сховище зайняла інша програма", "another program holds the store", "дочекайтеся її кінця і повторіть", "wait for it to end and repeat"},
	{store.ErrDamaged, "сховище пошкоджено", "the store is damaged", "відновіть body.db з копії", "restore body.db from a copy"},
	{store.ErrNewer, "сховище зробила новіша програма", "a newer program wrote the store", "поставте новішу версію posvid", "use a newer posvid"},
}

// otherRefusal puts a refusal of issuing or of the store into the reader's language; what it does not know stays as it is.
func otherRefusal(env *cli.Env, err error) error {
	for _, t := range otherTexts {
		if errors.Is(err, t.err) {
			return cli.Hint(fmt.Errorf("%s (%w)", env.T(t.uk, t.en), err), env.T(t.nextUK, t.nextEN))
		}
	}
	return err
}
