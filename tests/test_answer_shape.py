"""The shape of an answer: not its question again, not broken off, in the language it was asked in."""

import polars as pl
import pytest

from tasks.cleaners.echo import echo_ratio
from tasks.cleaners.languages import answer_language_differs, source_language_differs
from tasks.cleaners.truncated import TAIL_CHARS, truncated_in
from tasks.core.language import language_of_example, language_of_turn, with_languages


def echo(prompt: str, answer: str) -> float:
    return pl.DataFrame({"p": [prompt], "a": [answer]}).select(echo_ratio(pl.col("p"), pl.col("a"))).item()


def cut(answer: str) -> str | None:
    return pl.DataFrame({"a": [answer]}).select(truncated_in(pl.col("a"))).item()


def language(text: str) -> str:
    return with_languages(pl.DataFrame({"content": [text]}))["language"].item()


def differs(prompt: str, answer: str, before: str = "") -> bool:
    row = {"asked": language(prompt), "answered": language(answer), "p": f"{before}\n{prompt}", "a": answer}
    check = answer_language_differs(pl.col("asked"), pl.col("answered"), pl.col("p"), pl.col("a"))
    return pl.DataFrame([row]).select(check).item()


# Echo.
ECHOES = [
    ("创建一只猫奔跑的循环 GIF。", "创建一只猫奔跑的循环GIF"),
    ("制定用户界面的设计计划。", "制定用户界面的设计计划。"),
    ("为什么天空是蓝色的？", "为什么天空是蓝色的"),
    ("请写一首关于秋天的诗", "问题：请写一首关于秋天的诗"),
    ("请介绍一下长城的历史", "请介绍一下长城的历史\n答："),
    ("问题：地球到月球有多远？", "地球到月球有多远?"),
    ("列出三种可再生能源。", "好的，列出三种可再生能源！"),
    ("解释一下什么是机器学习", "“解释一下什么是机器学习”"),
    ("用Ｐｙｔｈｏｎ写一个排序", "用 python 写一个排序"),
    ("给出保持健康的三个建议", "  给出保持健康的三个建议。。。"),
    ("描述一次难忘的旅行经历", "指令：描述一次难忘的旅行经历"),
    ("总结下面的段落。\n人工智能正在改变世界。", "总结下面的段落。人工智能正在改变世界。"),
    ("如何提高写作水平？", "当然！如何提高写作水平？"),
    ("翻译：今天天气很好", "翻译：今天天气很好。"),
    ("设计一个手机应用的图标", "设计 一个 手机 应用 的 图标"),
    ("Create a looping GIF of a cat running.", "Create a looping GIF of a cat running."),
    ("What is the capital of France?", "what is the capital of france"),
    ("Write a poem about the autumn", "Question: Write a poem about the autumn"),
    ("Explain how rainbows are formed.", "Explain how rainbows are formed.\nAnswer:"),
    ("Question: How far away is the moon?", "How far away is the moon?"),
    ("List three kinds of renewable energy.", "Sure! List three kinds of renewable energy."),
    ("Describe a day in your life", '"Describe a day in your life"'),
    ("Give three tips for staying healthy.", "GIVE THREE TIPS FOR STAYING HEALTHY"),
    ("Suggest a gift for my mother.", "### Instruction: Suggest a gift for my mother."),
    ("Summarize the text.\nCats sleep a lot.", "Summarize the text. Cats sleep a lot."),
    ("Translate to French: I am tired", "Translate to French: I am tired."),
    ("Name some famous Chinese painters.", "Okay, name some famous Chinese painters."),
    ("How do I boil an egg?", "How do I boil an egg ?"),
    ("Design an icon for an app", "Output: Design an icon for an app"),
    ("Classify the animals: cat, trout", "Classify the animals: cat; trout"),
    ("怎样给多肉植物换盆", "怎样给多肉植物换盆？怎样给多肉植物换盆？\n怎样给多肉植物换盆？"),
    ("比较煤炉和燃气炉的优点", "3、比较煤炉和燃气炉的优点"),
    ("推荐几本写给孩子的历史书", "**推荐几本写给孩子的历史书**"),
    ("帮我解释一下牛顿第三定律，拜托了！", "帮我解释一下牛顿第三定律"),
    ("请问海水为什么是咸的？", "海水为什么是咸的？"),
    ("译成德文：我的姐姐明年要去乡下教书。", "我的姐姐明年要去乡下教书。"),
    ("How do I descale a kettle", "How do I descale a kettle? How do I descale a kettle?"),
    ("Name the parts of a sailing boat", "2) Name the parts of a sailing boat"),
    ("Explain how a zip fastener works.", "> _Explain how a zip fastener works._"),
    ("Give me a recipe for lentil soup, thank you!", "Give me a recipe for lentil soup."),
    ("Please give me a recipe for lentil soup.", "Give me a recipe for lentil soup."),
    ("Translate into Polish.\nThe bakery opens at six.", "The bakery opens at six."),
]
NO_ECHOES = [
    ("改写：我有一个狗", "我有一只狗"),
    ("改正错别字：他再家里看书", "他在家里看书"),
    ("改正下面句子的语法错误。\n我们昨天去了公园玩。", "我们昨天去了公园玩。"),
    ("是还是不是？", "是"),
    ("太阳系有几颗行星？", "太阳系有八颗行星。"),
    ("早上好", "早上好！"),
    ("祝你新年快乐！", "祝你新年快乐！"),
    ("请跟我读：四是四，十是十", "请跟我读：四是四，十是十"),
    ("为周末海滩之旅创建购物清单。", "为周末海滩之旅创建购物清单：\n- 防晒霜\n- 毛巾\n- 泳衣"),
    ("温室效应", "温室效应"),
    ("小明有三个苹果，吃了一个，还剩几个？", "小明有三个苹果，吃了一个，还剩两个。"),
    ("判断情感：这家店的菜很好吃", "这家店的菜很好吃：正面"),
    ("提取地名：我住在上海浦东", "上海浦东"),
    ("水在多少度沸腾？一百度还是九十度？", "一百度"),
    ("很高兴认识你，我叫小李", "很高兴认识你，我叫小李"),
    ("Rewrite: I has a dog", "I have a dog"),
    ("Correct the spelling.\nThe wether is nice today", "The weather is nice today"),
    ("Fix the grammar if needed.\nShe walks to school every day.", "She walks to school every day."),
    ("Yes or no?", "Yes"),
    ("How many planets are in the solar system?", "Eight planets are in the solar system."),
    ("Good morning to you, my friend", "Good morning to you, my friend"),
    ("Happy New Year to all of you!", "Happy New Year to all of you!"),
    ("Repeat after me: red lorry, yellow lorry", "Repeat after me: red lorry, yellow lorry"),
    ("Create a shopping list for the beach.", "Create a shopping list for the beach:\n- Sunscreen\n- Towels\n- Hats"),
    ("Nice weather today", "Nice weather today"),
    ("Tom has 3 apples and eats 1. How many are left?", "Tom has 3 apples and eats 1. How many are left? 2"),
    ("Sentiment: the food was great", "the food was great: positive"),
    ("Find the city: I live in Boston", "Boston"),
    ("Once upon a time there was a", "Once upon a time there was a king."),
    ("2 + 3 = 5", "2 + 3 = 5"),
    ("请翻译成中文：人人生而自由，在尊严和权利上一律平等。", "人人生而自由，在尊严上一律平等。"),
    ("给下面的句子加逗号：我买了面包和苹果", "我买了面包，和苹果"),
    ("把这几个数从小到大排列：三、五、七、九、十一", "三、五、七、九、十一"),
    ("Translate into German: taxi, hotel, restaurant", "Taxi, Hotel, Restaurant"),
    ("Which is correct? He goes there often now.", "He goes there often now."),
    ("Sort the words: apple, banana, cherry, date, elder", "apple, banana, cherry, date, elder"),
]


@pytest.mark.parametrize(("prompt", "answer"), ECHOES)
def test_an_answer_that_is_the_whole_prompt_again_is_an_echo(prompt, answer):
    assert echo(prompt, answer) == 1


@pytest.mark.parametrize(("prompt", "answer"), NO_ECHOES)
def test_an_answer_that_takes_from_its_prompt_by_right_is_no_echo(prompt, answer):
    assert echo(prompt, answer) < 1


def test_what_an_answer_adds_to_the_prompt_lowers_the_echo():
    assert echo("为什么天空是蓝色的？", "为什么天空是蓝色的？因为大气散射蓝光") == 9 / 17
    assert echo("Why is the sky so blue?", "Why is the sky so blue? Because of scattered light") == 6 / 10
    assert echo("Why is the sky so blue?", "Blue: why is the sky so blue?") == 0


# Truncation.
CUT = [
    "代码如下：\n```python\ndef f(x):\n    return x +",
    "安装步骤：\n```bash\npip install requests\npython main",
    "以下是示例：\n~~~\nSELECT name FROM users WHERE",
    "人工智能的应用非常广泛。它在医疗、教育、金融等领域都有应用，",
    "爵士乐有很多乐器，各种乐器的技巧都有独特的风格，如萨克斯管的滑音，小号的吐音，萨克斯、小号、",
    "不，人们引用一份报纸并不自动使它的报道正确。更重要的是",
    "如果玩家在回合中总共达到二十分，那么他们在这一回合的得分为",
    "这意味着两倍的未知数是十五，再加上五，就使得方程的两边等于",
    "要做好这道菜，首先要准备好新鲜的牛肉、土豆和胡萝卜，以及",
    "社会孤立会影响一个人的情绪和行为。此外，一项研究指出了这一点，因为",
    "项目的资金主要用于产品研发和市场推广，其中最大的一部分来源于",
    "我们可以从多个角度来看待这个问题。首先是经济方面，例如",
    "你走进一个黑暗的洞穴，脚步声在黑暗中回响。突然，",
    "设计一个猜数字的游戏，玩家必须猜出一个秘密数字，范围是 1-",
    "城市化带来了许多机会。与此同时，它也带来了交通、住房和环境方面的压力，但是",
    "Here is the code:\n```python\nfor i in range(3):\n    print(",
    "Run this:\n```\ncurl -X POST http://localhost:80",
    "- First step:\n  ```js\n  const a = await fetch(",
    "The game is played by two people with a set of 20 tiles numbered from 1 to",
    "Supervised learning needs labels. It is used for tasks such as ranking, detection and translation. For",
    "The show was a success. The band played all of its best songs and the",
    "The bird is no longer with us, but its memory is a reminder of the importance of",
    "A linear regression of these numbers would lead us to predict that sales in 2015 will be",
    "We need to track the progress of the project, handle problems in a timely manner, and",
    "It is a pop concert in the middle of town and it is located at 261 Driggs Avenue,",
    "Design a game where the player has to guess a secret number that is between 1-",
    "There are 216 possible outcomes when three dice are rolled at once. To get a",
    "Calcium is a chemical element with the symbol Ca. It is a soft metal with an atomic number of",
    "Many plants need little water. Good choices for a dry garden are succulents such as",
    "The company grew quickly in its first years. Its success was above all due to",
    "The castle was finished in 1886. Despite all of its difficult circumstances, she",
    "该数据的趋势表明，销售额将继续增加。线性回归将引导我们预测明年的销售额将是",
    "研究人员进行了多次实验。实验结果表明，这种新型材料在高温下的强度明显高于我们的",
    "The committee met on Monday to discuss the new budget for the schools of the inter-",
    "这次展览分为三个部分，其中最受欢迎的是古代青铜器（多数出土于",
    "船长放下望远镜，转过身来对大副说：“风向变了，叫所有的人都",
    "安装之前先断开电源，把旧的零件取下来擦干净。具体的操作方法如下：",
    "这座桥建成以后大大缩短了两岸的距离。居民们再也不用绕远路，物价也随",
    "修建水库有好处也有坏处。它能够调节水量，但同时也改变了下游的",
    "一方面，早起可以锻炼身体，精神更好；另一方面，晚上要早睡，社交会减少；对老人来说，天黑路滑，出门反而容",
    "1. 先把土豆洗净去皮。\n2. 切成小块，用清水浸泡。\n3. 锅里放油烧热，然后",
    "The museum has three floors. The first shows coins from the Bronze Age (mostly found near",
    'The captain put down the telescope and said to the mate: "The wind has turned, so tell everybody',
    "Switch off the power and take out the old fuse. To put in a new one, work through the following points:",
    "The bridge has cut the way to the market by half. Farmers no longer need a ferry, and the environm",
    "The reservoir has its good and its bad sides. It evens out the flow, but it also changes the life of",
    "Mix the flour with the butter. Rest the dough in a cool place and then add a handful of",
    "1. Peel the potatoes.\n2. Cut them into small cubes.\n3. Heat the oil in a pan and",
    "泡菜要选新鲜的萝卜。坛子洗净晾干，坛沿加",
    "讲的是六十年代到九十年代，阿宝、沪生和小毛三个少年的",
    "熵可以写作dS=dQ/T，后来玻尔兹曼给出了统计意义上的表达式（S=k ln W，其中k是",
    "跑步看着简单，新手却很容易受伤。要想跑得久，请记住下面五点：",
    "茶叶按发酵程度分为六大类。绿茶不发酵，红茶全发酵，乌龙茶则介于",
    "1. 菜籽油（烟点约205度）\n2. 花生油（烟点约230度）\n3. 橄榄油（烟点约",
    "1. Rapeseed oil (about 205°C)\n2. Peanut oil (about 230°C)\n3. Light olive oil (about",
    "In her notes of 1843 she described what many regard as the first program intended for",
    "Working nights turns your body clock upside down. Here are the most effective habits:",
    "The landlords were faced with the bill. They turned to evictions and assisted emig",
    "There are three main types of rock: igneous, sedimentary, and",
]
WHOLE = [
    "完整代码：\n```python\nprint('好')\n```",
    "用反引号 ``` 表示代码块的开始。",
    "代码：\n```python\nprint(1)\n\n就这样，祝您使用愉快！",
    "亲爱的史密斯博士，\n\n感谢您的来信，我会尽快答复。\n\n真诚地，",
    "尊敬的[客户姓名]，",
    "在冬天的寒夜里传来春天的低语，",
    "1. 苹果\n2. 香蕉\n3. 橙子",
    "春眠不觉晓\n处处闻啼鸟\n夜来风雨声\n花落知多少",
    "这两个数相加以后得到的结果就是所有商品的价格总和",
    "常用的转折连词有：不过、然而、可是、只是、但是",
    "很抱歉让您久等了，这款商品目前有货，今天下单明天就可以送到的",
    "人工智能的未来：从实验室到千家万户的漫长道路",
    "| 国家 | 首都 |\n|---|---|\n| 法国 | 巴黎 |",
    "更多信息请访问 https://example.com/zh/docs/getting-started-with-",
    "北京",
    "他一生做过很多工作，但最大的爱好始终是收集邮票和参与公益活动，直到退休后也还在参与",
    "这款耳机的音质很好。我每天上下班都戴着它听音乐，觉得这个价格真的非常合适也很可以",
    "建议您先去医院检查一下。按时吃药，注意休息，一般一到两周就会慢慢好转的",
    "姓名：\n年龄：\n请简单说说您的经历。您希望从事的工作是：",
    "尊敬的王先生：",
    "那家店的菜很好吃。老板也很热情，下次我们还要去那里吃他做的鱼",
    "两点之间线段最短。这条线的长度记作d=|a-b|",
    "Dear Sir or Madam:",
    "Name: ___\nAge: ___\nThank you for your time. Please write your address:",
    "The farm is small. It has two cows, a few hens and a pond that the ducks like to swim in",
    "It is a great phone. I have used it every day for a year and it does all that it can",
    "We had a lovely stay. The staff were kind and it was all that we had hoped for",
    "The answer is 42",
    "```python\nprint('hi')\n```",
    "Use ``` to open a block of code.",
    "Dear Dr. Smith,",
    "Thank you for your letter. I look forward to hearing from you.\n\nSincerely,",
    "Furthermore,",
    "1. the\n2. quick\n3. brown\n4. and\n5. a",
    "Golden sun shines bright\nSeagulls soaring in the sky\nPeaceful waves rolling in",
    "The quick brown fox jumps over the lazy dog",
    "A guide to the best places to visit and the friends you will travel with",
    "He was a man whom everyone in the small town by the sea was very fond of",
    "Planet Burning: How Rising Temperatures are Threatening the World as We Know it",
    "Past: was, were\nFuture: will be",
    "The most common negative prefixes of English adjectives are un-, in-, dis- and non-",
    "Excited to announce our new product! Get yours today. #NewProduct #Launch",
    "if (a > b) {\n  return a and b\n}",
    "Your order is confirmed for tomorrow at 8 pm",
    "[1, 2, 3,\n 4, 5, 6,",
    "姓名：\n电话：\n请在下面的横线上填写您的建议：",
    "今天的天气真好 :(",
    "1. 备用电池\n2. 手电筒\n3. 雨衣和",
    "产后要注意休息。饮食清淡一些，不要吃辛辣的东西，这种情况是可以治愈的",
    "“设计不只是外观和感觉。设计就是它的工作方式“ - 史蒂夫·乔布斯",
    "去除油渍要先用热水。撒一点小苏打，过十分钟再擦，就能把油渍都去除了",
    "希望是生命里的光。哪怕路再长，只要往前走，幸福也会触手可及",
    "她学了三年绘画，换了两位老师；他一直在旁边看着，后来也拿起了笔",
    "Name:\nAddress:\nPlease write your comments on the following line:",
    "The desk is 5' 10\" wide. It fits the wall and leaves some room for a lamp beside it",
    "Nobody could tell at first. When the fog lifted they saw how far from the shore it was",
    "Choose early. The more you prepare for the day, the smoother and more relaxed the ride will be",
    "- Wash the car\n- Buy milk and\n- Call mum and",
    "It was a quiet place. They had found the one small town that they could share their lives with",
    "We went for the food. The best dish was lasagna and after it there was a large bowl of tiramisu of the house",
]


@pytest.mark.parametrize("answer", CUT)
def test_an_answer_that_breaks_off_shows_where(answer):
    assert cut(answer) == answer[-TAIL_CHARS:]


@pytest.mark.parametrize("answer", WHOLE)
def test_a_list_a_title_a_verse_or_a_careless_end_is_not_broken_off(answer):
    assert cut(answer) is None


# The answer's language.
DIFFERING = [
    (
        "请介绍一下杭州西湖的历史",
        "West Lake is a freshwater lake in Hangzhou, and it has been admired by poets for centuries.",
    ),
    ("安排明天上午10点的会议。", "Certainly, I will schedule a meeting for you tomorrow at 10 AM."),
    ("找到今天纽约的天气预报", "According to the forecast, the weather in New York will be sunny with a high of 85."),
    ("为什么天空是蓝色的？", "The sky is blue because of the way that the air scatters the light of the sun."),
    (
        "给出保持健康的三个建议。",
        "1. Eat a balanced diet with fruit.\n2. Get enough sleep.\n3. Exercise with your friends.",
    ),
    (
        "总结下面的段落。\n城市化带来了许多机会，也带来了压力。",
        "The passage says that the growth of cities brings both chances and pressure.",
    ),
    ("怎么煮鸡蛋才不会破？", "You should put the eggs into cold water and heat it slowly to avoid cracks."),
    ("我最近总是失眠，怎么办？", "Try to go to bed at the same time every day, and keep the room dark."),
    (
        "关于泡菜汤，您怎么看待它？",
        "보신탕은 한국 전통 음식 중 하나로, 육류와 약재 등을 함께 끓여 만든 스프입니다. 매우 영양가가 높습니다.",
    ),
    (
        "我想学习项目管理，你有什么推荐吗？",
        "プロジェクト管理の本は数多く出版されているから、どの本がおすすめかは人それぞれだと思います。",
    ),
    (
        "推荐几部好看的电影",
        "Je vous recommande quelques films français qui sont très agréables à regarder le soir en famille.",
    ),
    (
        "北京有哪些好吃的小吃？",
        "В Пекине много вкусной уличной еды, например утка, пельмени, блины и засахаренные фрукты.",
    ),
    (
        "写一封道歉信给客户",
        "Dear customer, we are sorry for the delay of your order and will refund the cost of shipping.",
    ),
    (
        "量子计算有哪些应用？",
        "Quantum computers are used to simulate molecules and to search large spaces of solutions.",
    ),
    (
        "如何养护多肉植物？",
        "Las plantas suculentas necesitan mucha luz y poca agua, así que riégalas cada dos semanas más o menos.",
    ),
    ("What is the largest river in the world?", "世界上最大的河流是尼罗河，它流经非洲的几个国家。"),
    ("The woman is walking and talking at the same time.", "这位女士一边走路一边打电话，同时进行多项任务。"),
    ("Give three tips for staying healthy.", "第一，均衡饮食；第二，保证充足的睡眠；第三，经常锻炼身体。"),
    ("Why is the sky blue during the day?", "因为大气散射了太阳光中的蓝光，所以天空看上去是蓝色的。"),
    ("How do I cook an egg without breaking it?", "把鸡蛋放进冷水里，然后慢慢加热，这样就不容易裂开。"),
    (
        "Summarize the passage.\nCities grow and bring both chances and pressure.",
        "这段话说的是城市的发展既带来机会，也带来压力。",
    ),
    ("I cannot sleep well lately, what should I do?", "建议您每天在同一时间上床睡觉，并保持房间黑暗安静。"),
    ("Explain what a black hole is.", "ブラックホールとは、重力が非常に強く、光さえも逃げられない天体のことです。"),
    (
        "Tell me about the history of Seoul.",
        "서울은 조선 시대부터 수도였으며 오랜 역사를 가진 도시입니다. 많은 궁궐이 남아 있습니다.",
    ),
    (
        "What should I cook for dinner tonight?",
        "Podría preparar una sopa de verduras con pollo y un poco de arroz para la cena de esta noche.",
    ),
    (
        "How can we protect the oceans?",
        "Wir müssen weniger Plastik verwenden und die Fischerei begrenzen, damit sich die Meere erholen können.",
    ),
    (
        "Describe the life of a student in your city.",
        "Les étudiants se lèvent tôt, prennent le métro et passent leurs journées à la bibliothèque.",
    ),
    ("Who discovered penicillin and when was it?", "青霉素是由亚历山大·弗莱明在一九二八年发现的。"),
    (
        "Plan a trip to the mountains for two days.",
        "Первый день: приезд, прогулка к озеру и ужин. Второй день: подъём на гору и отъезд домой.",
    ),
    ("Suggest a gift for my mother.", "可以考虑送她一条围巾、一束鲜花或者一本她喜欢的书。"),
    (
        "请始终用中文答复。\n阳台上的番茄为什么不结果？",
        "They get too little sun, so move them to a brighter place and shake the flowers.",
    ),
    ("写一首关于大海的诗", "The sea is wide and the gulls are loud,\nand I have lost the shore in a silver cloud."),
    (
        "Answer in English only, please. Why do my tomatoes bear no fruit?",
        "因为光照不足，请把它们搬到更亮的地方，再轻轻摇一摇花。",
    ),
    ("Write a song about the sea.", "大海宽又宽，海鸥声声唤，我在银色的云里找不到岸。"),
    ("Name three French rivers.", "卢瓦尔河、塞纳河与罗讷河都是法国的大河。"),
    ("ウクライナ風ボルシチの作り方を教えて", "乌克兰风味的罗宋汤是一种营养价值很高的汤，其中有肉、番茄和卷心菜。"),
]
AGREEING = [
    ("请介绍一下西湖", "西湖位于浙江省杭州市，是著名的风景名胜区。"),
    ("把下面的句子翻译成英文：今天天气很好，我们去公园吧。", "The weather is nice today, so let us go to the park."),
    ("请用英语写一封道歉信给客户", "Dear customer, we are sorry for the delay of your order and will refund you."),
    ("用“opulent”造一个句子。", "The wedding reception was held in an opulent ballroom with crystal chandeliers."),
    (
        "写一个检查二叉搜索树的函数",
        "def is_bst(root):\n    if root is None:\n        return True\n    return is_bst(root.left)",
    ),
    ("查询所有客户的订单", "SELECT * FROM customers JOIN orders ON customers.id = orders.customer_id;"),
    ("列举五种流行的流媒体服务。", "Netflix, Hulu, Amazon Prime Video, Disney Plus, Apple TV, Paramount Plus"),
    (
        "这个句子的语法对吗？\nShe go to the school every day.",
        "No, the verb should agree with the subject: she goes to the school.",
    ),
    ("给我的咖啡店起五个英文店名", "The Daily Grind, Bean There, The Coffee House of Dreams, Brew and You"),
    ("写一段英语歌词", "I walk alone in the rain and think of the days that we had with you"),
    ("解方程：4x - 6 = 30", "x = 9"),
    (
        "给我一句关于时间的名言",
        "The two most powerful warriors are patience and time, said the author of War and Peace.",
    ),
    ("从这个句子中删除所有元音。\n敏捷的棕色狐狸跳过了懒狗。", "Th qck brwn fx jmps vr th lzy dg nd th ct."),
    (
        "总结这篇文章：The city has grown quickly in the last ten years.",
        "The city has grown quickly over the last decade, and this is good.",
    ),
    ("日语的“谢谢”怎么说？", "ありがとうございます、またはどうもありがとうございますと言います。"),
    ("中国的首都是哪里？", "Beijing"),
    ("What is the capital of France?", "The capital of France is Paris, and it is a very large city."),
    ("Translate into Chinese: The weather is nice today and we are happy.", "今天天气很好，我们都很高兴。"),
    (
        "Reply in Spanish: how was your day?",
        "Mi día fue muy bueno, gracias por preguntar, fui al parque con mis amigos por la tarde.",
    ),
    ("How do you say thank you in Mandarin?", "谢谢，或者更正式一点：非常感谢您。"),
    ("What does 塞翁失马 mean?", "塞翁失马比喻一时虽然受到损失，也许反而因此能得到好处。"),
    (
        "List ten restaurants in Montreal.",
        "1. Joe Beef\n2. L'Express\n3. Les 400 Coups\n4. Toqué!\n5. La Chronique\n6. Au Pied de Cochon",
    ),
    ("Write a haiku in the style of Basho", "古池や蛙飛びこむ水の音、静けさや岩にしみ入る蝉の声"),
    ("Write a function that adds two numbers.", "def add(a, b):\n    # 返回两个数的和\n    return a + b"),
    (
        "Name the seven days of the week as Italians do.",
        "Lunedì, martedì, mercoledì, giovedì, venerdì, sabato e domenica sono i giorni.",
    ),
    (
        "Localize the passage for readers in Madrid.\nThe weekend is coming.",
        "Se acerca el fin de semana y es momento de descansar.",
    ),
    ("Iphone 13 pro", "这款手机采用了新的芯片，拍照效果非常好，续航也很不错。"),
    ("Who wrote 红楼梦 and when?", "《红楼梦》是清代作家曹雪芹创作的章回体长篇小说。"),
    (
        "Which dishes are famous in Italy?",
        "- Risotto\n- Spaghetti alla Carbonara\n- Ossobuco\n- Polenta\n- Arancini\n- Tiramisù",
    ),
    ("Tell me a joke.", "好的"),
    ("请用中文和英文各写一句问候客人的话", "Welcome to our house, and please make yourself at home with us."),
    ("Give me the names of three rivers.", "卢瓦尔河、塞纳河、罗讷河、加龙河"),
    ("How do I greet a guest in Chinese?", "您好，欢迎光临，请里面坐，先喝杯茶吧。"),
    ("Suggest a slogan for our tea.", "Le thé qui vous donne envie de prendre le temps de vivre chaque jour."),
]


@pytest.mark.parametrize(("prompt", "answer"), DIFFERING)
def test_an_answer_in_a_language_nobody_asked_for_is_found(prompt, answer):
    assert differs(prompt, answer)


@pytest.mark.parametrize(("prompt", "answer"), AGREEING)
def test_an_answer_in_another_language_by_right_stays(prompt, answer):
    assert not differs(prompt, answer)


@pytest.mark.parametrize(
    ("before", "prompt", "answer"),
    [
        (
            "从现在起请一律用中文回答。",
            "Why is the sky blue during the day?",
            "因为大气散射了太阳光中的蓝光，所以天空是蓝色的。",
        ),
        (
            "Always answer in English.",
            "为什么天空是蓝色的？",
            "The sky is blue because the air scatters the light of the sun.",
        ),
    ],
)
def test_an_instruction_of_an_earlier_turn_still_holds(before, prompt, answer):
    assert differs(prompt, answer)
    assert not differs(prompt, answer, before)


@pytest.mark.parametrize(
    ("stated", "found", "differ"),
    [
        ("zh", "en", True), ("en", "zh", True), ("zh-Hans", "ja", True), ("en-GB", "fr", True), ("ZH", "ko", True),
        ("zh", "zh", False), ("zh-Hant", "zh", False), ("en-US", "en", False), ("und", "en", False),
        ("auto", "zh", False),        ("zh", "mixed", False), ("en", "und", False),
        ("zh", "code", False), (None, "en", False), ("fr-CA", "fr", False),
    ],
)  # fmt: skip
def test_a_row_in_another_language_than_its_source_states_is_found(stated, found, differ):
    row = pl.DataFrame({"s": [stated], "f": [found]}, schema={"s": pl.String, "f": pl.String})
    assert row.select(source_language_differs(pl.col("s"), pl.col("f"))).item() is differ


# The language of a turn.
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("请解释 list comprehension 的用法", "zh"),
        ("描述以下代码的输出：\ndef f(n):\n    for i in range(1, n + 1):\n        print(i)\nf(3)", "zh"),
        ("打开网址，找到标题。\nhttps://www.example.com/a-very/long-address_with_words.html", "zh"),
        ("俄语单词“свинья”是什么意思？", "zh"),
        ("水的沸点是 100 °C，即 T = 373 K。", "zh"),
        ("What does this do?\ndef f(n):\n    return n + 1", "en"),
        ("What is printed? int a = 10; int b = 20; cout << a + b;", "en"),
        ("The Hindi word for water is पानी and it is short.", "en"),
        ("Rank the colors from bright to dull {blue, green, yellow}", "en"),
        ("E = mc^2 is the best known formula of physics by far.", "en"),
        ("def add(a, b):\n    return a + b", "code"),
        ("SELECT name FROM users WHERE age > 18;", "code"),
        ("<html>\n  <body>\n    <p>Hello</p>\n  </body>\n</html>", "code"),
        ("const double = x => x * 2;\nconsole.log(double(4)); // 8", "code"),
        ("import os\n\n# 列出文件\nfor name in os.listdir('.'):\n    print(name)", "code"),
        ('#include <iostream>\n\nint main() {\n    std::cout << "hi";\n    return 0;\n}', "code"),
        ('{"name": "张三", "age": 30}', "code"),
        ("```python\nprint('你好')\n```", "code"),
        ("# 春天的诗", "zh"),
        ("Block all pages with Disallow: /* in the file, and the others stay open.", "en"),
        ("x = 9", "und"),
        ("42", "und"),
        ("B", "und"),
        ("A, E, I, O, U", "und"),
        ("", "und"),
        ("Je suis étudiant.", "fr"),
        ("Estoy aprendiendo español.", "es"),
        ("Ich fühle mich verwirrt.", "de"),
        ("Xin chào, tôi là người Việt Nam và tôi thích phở.", "vi"),
        ("日本の首都はどこですか", "ja"),
        ("私は学生です。東京に住んでいます。", "ja"),
        ("안녕하세요, 반갑습니다", "ko"),
        ("Καλημέρα, τι κάνεις σήμερα;", "el"),
        ("मुझे पानी चाहिए", "hi"),
        ("水 water 火 fire 土 earth 木 wood tree forest leaf root branch", "mixed"),
    ],
)
def test_the_language_of_a_turn_is_that_of_its_prose(text, expected):
    assert language(text) == expected


def test_the_language_of_a_turn_is_told_within_lists_and_of_nothing():
    lists = pl.DataFrame({"turns": [["你好", "Hello there"], [None, ""]]})
    found = lists.select(pl.col("turns").list.eval(language_of_turn(pl.element()))).to_series().to_list()
    assert found == [["zh", "en"], [None, "und"]]


@pytest.mark.parametrize(
    ("prompt", "answer", "expected"),
    [
        ("编写一个函数", "def f(x):\n    return x", "zh"),
        ("Write a query", "SELECT * FROM t;", "en"),
        ("给这次考试评级：89 分", "B", "zh"),
        ("翻译：谢谢你的帮助", "Thank you for your help", "mixed"),
    ],
)
def test_an_example_is_in_its_questions_language_when_the_answer_has_none(prompt, answer, expected):
    rows = pl.DataFrame({"p": [language(prompt)], "a": [language(answer)]})
    assert rows.select(language_of_example(pl.col("p"), pl.col("a"))).item() == expected
