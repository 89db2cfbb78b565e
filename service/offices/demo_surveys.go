package offices

// demoConditions asks a question of every kind, one of them only of those who are busy.
const demoConditions = `{"format":"posvid-survey/1",
"title":{"uk":"Умови роботи","en":"Working conditions"},
"intro":{"uk":"Десять хвилин. Відповідь анонімна: як хто відповів, не видно нікому, а свою враховану відповідь ви знайдете самі.","en":"Ten minutes. The answer is anonymous: nobody sees who answered what, and you can find your own answer counted."},
"pages":[
{"title":{"uk":"Де і скільки","en":"Where and how much"},"questions":[
{"id":"place","kind":"one","text":{"uk":"Де ви працюєте?","en":"Where do you work?"},"required":true,"options":[{"id":"office","text":{"uk":"У приміщенні органу","en":"On the premises"}},{"id":"mixed","text":{"uk":"По-різному","en":"Both"}},{"id":"home","text":{"uk":"Дистанційно","en":"Remotely"}}]},
{"id":"load","kind":"scale","text":{"uk":"Наскільки ви завантажені?","en":"How busy are you?"},"required":true,"min":1,"max":5,"minLabel":{"uk":"мало","en":"little"},"maxLabel":{"uk":"надміру","en":"too much"}},
{"id":"why","kind":"text","text":{"uk":"Що забирає найбільше часу?","en":"What takes most time?"},"maxLength":300,"showIf":[{"question":"load","from":4}]}]},
{"title":{"uk":"Чого бракує","en":"What is missing"},"questions":[
{"id":"needs","kind":"many","text":{"uk":"Чого вам бракує?","en":"What do you need?"},"options":[{"id":"laptop","text":{"uk":"Робочий ноутбук","en":"A laptop"}},{"id":"chair","text":{"uk":"Зручне місце","en":"A good seat"}},{"id":"training","text":{"uk":"Навчання","en":"Training"}}]},
{"id":"first","kind":"ranking","text":{"uk":"Що зробити спершу?","en":"What should come first?"},"options":[{"id":"tools","text":{"uk":"Техніка","en":"Equipment"}},{"id":"training","text":{"uk":"Навчання","en":"Training"}},{"id":"schedule","text":{"uk":"Гнучкий графік","en":"Flexible hours"}}]},
{"id":"trips","kind":"number","text":{"uk":"Скільки відряджень було цього року?","en":"How many business trips did you make this year?"},"min":0,"max":100}]}]}`

// demoDuty is a named survey of one unit.
const demoDuty = `{"format":"posvid-survey/1",
"title":{"uk":"Чергування у грудні","en":"Duty in December"},
"pages":[{"questions":[
{"id":"shift","kind":"one","text":{"uk":"Яка зміна вам зручніша?","en":"Which shift suits you?"},"required":true,"options":[{"id":"day","text":{"uk":"Денна","en":"Day"}},{"id":"night","text":{"uk":"Нічна","en":"Night"}}]},
{"id":"days","kind":"many","text":{"uk":"У які дні?","en":"On which days?"},"options":[{"id":"mon","text":{"uk":"Понеділок","en":"Monday"}},{"id":"wed","text":{"uk":"Середа","en":"Wednesday"}},{"id":"fri","text":{"uk":"П'ятниця","en":"Friday"}}]},
{"id":"note","kind":"text","text":{"uk":"Що ще врахувати?","en":"Anything else?"},"maxLength":200}]}]}`
