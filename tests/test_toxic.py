"""Toxic words: found with their forms and boundaries, and not in the innocent words that look like them."""

import polars as pl
import pytest

from tasks.cleaners.toxic import load, shipped, toxic_words
from tasks.core.errors import ParamsError

TOXIC_ZH = {
    "你这个傻逼": ["傻逼"],
    "你是傻B吗？": ["傻b"],
    "他就是个煞笔，别理他": ["煞笔"],
    "操你妈！操你妈！": ["操你妈", "操你妈"],
    "去你妈的，你这狗屎。": ["去你妈的"],
    "草泥马的，又堵车": ["草泥马"],
    "这太操蛋了。": ["操蛋"],
    "我肏，怎么回事": ["肏"],
    "真是日了狗了": ["日了狗"],
    "狗娘养的东西": ["狗娘养"],
    "那个狗日的老板": ["狗日的"],
    "你这个小婊子": ["婊子"],
    "贱人就是矫情": ["贱人"],
    "臭三八，闭嘴": ["臭三八"],
    "黑鬼滚出去": ["黑鬼"],
    "祝你死全家": ["死全家"],
    "去死吧，别来烦我": ["去死吧"],
    "再说一句我弄死你": ["弄死你"],
    "你怎么不去死？": ["你怎么不去死"],
    "我太他妈的孤独了": ["太他妈"],
    "看你那骚逼样": ["骚逼"],
    "他掏出鸡巴": ["鸡巴"],
    "龟孙子，给老子滚": ["龟孙子", "给老子滚"],
    "你fuck什么，nmsl": ["fuck", "nmsl"],
    "你他妈到底查不查？": ["你他妈"],
    "他妈的！又停电": ["他妈的！"],
    "真是个王八蛋": ["王八蛋"],
    "卧槽，下雪了": ["卧槽"],
    "一群脑残": ["脑残"],
    "你个智障": ["智障"],
    "你们这群废物，真没用": ["废物"],
    "你是不是弱智": ["弱智"],
    "傻 逼 队友": ["傻 逼"],
    "你特么有病吧": ["你特么"],
    "这个废物东西": ["废物东西"],
    "你们就是一群废物": ["废物"],
    "ｆｕｃｋ，又输了": ["fuck"],
    "就你这猪脑子还考研？废物一个，趁早滚回家。": ["猪脑子", "废物一个", "趁早滚"],
    "长得跟个脑瘫似的，怎么不去死": ["脑瘫", "怎么不去死"],
    "直接骂：操他祖宗！": ["操他祖宗"],
    "你这个垃圾，臭不要脸": ["你这个垃圾", "臭不要脸"],
}
CLEAN_ZH = [
    "废物分类后可以再利用，这种废物要回收。",
    "猪脑子可以做菜，脑瘫儿童需要康复，残废军人有补助。",
    "快滚动鼠标，给我滚动条的代码；死猪不怕开水烫。",
    "尼玛县位于西藏那曲市，尼玛扎西是那里的医生。",
    "他妈的生日是五月三日，我们去他妈的家里吃饭。",
    "我操作电脑时很小心，我操心孩子的学习。",
    "做完广播体操你可以喝水，体操蛋糕店在对面。",
    "妈妈的手艺很好，奶奶的饺子也好吃。",
    "印度支那半岛有许多国家。",
    "我的钢笔不像你那支那么好。",
    "这支那种颜色的口红卖完了。",
    "加州卷由蟹肉棒和牛油果组成。",
    "点了火鸡巴西烤肉和米饭。",
    "内射模与投射模是同调代数的基本概念。",
    "杂种优势使玉米增产，这只杂种犬很聪明。",
    "太阳的辐射和紫外线会晒伤皮肤。",
    "敌军日益逼近，一二逼近取值。",
    "饼干你吃了吗？今日你有空吗？生日你想要什么？",
    "去死皮的面膜，一周用一次。",
    "过去死于疟疾的人很多。",
    "人口爆炸是环境问题之一，出口爆满。",
    "贫贱人家百事哀，卑贱人生。",
    "几把椅子放在门口，鸡蛋打两个。",
    "卧槽马是象棋里的一种杀法。",
    "滚动条在右边，请往下滚。",
    "草原上的马、羊驼和牛。",
    "智障人士的就业需要支持。",
    "操场上有人在踢球，他操着一口上海话。",
    "医生说自慰是正常的生理现象。",
    "妈妈逼我写作业，你妈逼你结婚吗？",
    "真他妈妈做的菜，味道很好。",
    "你他妈妈的做法一样，我他妈妈没见过。",
    "智障人士和弱智儿童需要帮助，你是智障者的老师。",
    "工厂的废物要处理，白痴是旧时的医学用语。",
    "医生检查了阴茎和阴道，手淫无害。",
    "我操着一口方言，我操起铁锹。",
    "脑残疾与脑残留病灶。",
    "你是神经病患者的家属吗？我妈的，又旧了。",
]
TOXIC_EN = {
    "Fuck you.": ["fuck"],
    "It's crawling with filthy immigrants, they're all vermin.": ["filthy immigrants", "they're all vermin"],
    "You useless maggot, shut your face": ["maggot", "shut your face"],
    "Why don't you just die, you waste of space": ["why don't you just die", "waste of space"],
    "What the FUCKING hell": ["fucking"],
    "He fucked up again": ["fucked"],
    "you motherfucker!": ["motherfucker"],
    "Stop it, asshole.": ["asshole"],
    "assholes, all of them": ["assholes"],
    "You are a piece of shit.": ["piece of shit"],
    "what a dipshit": ["dipshit"],
    "son of a bitch": ["son of a bitch"],
    "You stupid bitch": ["stupid bitch"],
    "don't be a dickhead": ["dickhead"],
    "Tom is a scumbag.": ["scumbag"],
    "cunts": ["cunts"],
    "you wanker": ["wanker"],
    "a nigger": ["nigger"],
    "faggots": ["faggots"],
    "she is a slut and a whore": ["slut", "whore"],
    "give me a blowjob": ["blowjob"],
    "show your tits": ["your tits"],
    "Send it, you lazy bastards.": ["bastards"],
    "You're such an idiot!": ["idiot"],
    "you stupid old moron": ["moron"],
    "She calls me a bitch": ["bitch"],
    "Heck you, you piece of garbage.": ["piece of garbage"],
    "Holy shit, WTF": ["shit", "wtf"],
    "I do f**king nothing, sh*t": ["f**king", "sh*t"],
    "F U C K this, f.u.c.k": ["f u c k", "f.u.c.k"],
    "Ｆｕｃｋ off": ["fuck"],
    "suck my dick": ["suck my dick"],
    "Go kill yourself": ["go kill yourself"],
    "i'll kill you": ["i'll kill you"],
    "I’ll kill you": ["i’ll kill you"],
    "kys loser": ["kys"],
    "I hope you die.": ["hope you die"],
}
CLEAN_EN = [
    "Breeders say bitch and cock; the whelping bitch had six pups.",
    "Rats, mice and pigeons are vermin. You trash the old files, you pig out, you freak out.",
    "A leech is a parasite; savages was once a word for peoples. Are you an animal lover?",
    "Scunthorpe is a town in Lincolnshire.",
    "The class assessed the passage with an assistant.",
    "A cocktail, a peacock and a cockpit.",
    "The cock crowed: cock-a-doodle-doo!",
    "Dick Cheney and Dick Van Dyke met Moby Dick's author.",
    "Pussy willow grows near water; the pussy-cat went to sea.",
    "Blue tits and great tits visit the feeder.",
    "Titles, entities, constitution and titanium.",
    "He found chinks in the armor.",
    "Rapeseed oil and grapes; the therapist is drapery.",
    "Matsushita, Shitake mushrooms and Shih Tzu.",
    "Essex, Sussex and Middlesex are counties.",
    "The analysis of analogue canals.",
    "Homo sapiens is a hominid.",
    "The fire retardant slowed the flames.",
    "Raccoon, cocoon and tycoon.",
    "He graduated cum laude; the document is cumulative.",
    "Snigger, niggle and niggardly are old words.",
    "Spicy food, a despicable crime, a suspicious hospice.",
    "Jack off safely: Cal gets Jack off the ship.",
    "Smoking will kill you slowly.",
    "Do not drink bleach, it is poison.",
    "Kikedo and Pakistan, Pakistani food.",
    "Orgasm and masturbation are topics of sex education.",
    "Dickens wrote about a dickey bird.",
    "The dam was damaged and the hello shell fell.",
    "Tits are small birds such as the blue tit; boobies are large seabirds.",
    "The Idiot is a novel by Dostoevsky; you know the idiot in it.",
    "A bastard sword has a long grip; the king's bastard inherited nothing.",
    "x = f*k + s*t",
    "If you prick us, do we not bleed? Why do you freak out?",
    "The pregnant bitch needs a quiet place for her puppies.",
    "The penis, the vagina and orgasm in sex education.",
    "Fucus is a genus of brown algae; Fuchsia is a plant.",
]


def found(text: str, **options) -> list[str]:
    return pl.DataFrame({"text": [text]}).select(toxic_words(pl.col("text"), **options)).item().to_list()


@pytest.mark.parametrize(("text", "words"), [*TOXIC_ZH.items(), *TOXIC_EN.items()])
def test_toxic_words_are_found_in_order(text, words):
    assert found(text) == words


@pytest.mark.parametrize("text", [*CLEAN_ZH, *CLEAN_EN])
def test_innocent_words_that_look_like_toxic_ones_are_not(text):
    assert found(text) == []


@pytest.mark.parametrize(("text", "words"), [("真是白痴", ["白痴"]), ("What a damn idiot", ["damn", "idiot"])])
def test_mild_words_count_where_asked_for(text, words):
    assert (found(text), found(text, mild=True)) == ([], words)


def test_each_row_has_its_own_words_in_the_order_of_the_input():
    texts = ["", None, "傻逼", "good", "fuck 操你妈"]
    got = pl.DataFrame({"text": texts}, schema={"text": pl.String}).select(toxic_words(pl.col("text"))).to_series()
    assert got.to_list() == [[], [], ["傻逼"], [], ["fuck", "操你妈"]]
    assert pl.DataFrame(schema={"text": pl.String}).select(toxic_words(pl.col("text"))).shape == (0, 1)


def test_the_shipped_list_has_each_word_once_and_innocent_words_cover_a_part_of_a_toxic_one():
    words = shipped()
    toxic = words.strong + words.aimed + words.mild

    def covers(innocent: str) -> bool:
        ends = [innocent[k:] for k in range(len(innocent))]
        return any(word in innocent or word.startswith(tuple(ends)) for word in toxic)

    assert len(set(toxic)) == len(toxic)
    assert [word for word in words.innocent if word in toxic or not covers(word)] == []


def test_a_list_of_ones_own_takes_the_place_of_the_shipped_one(tmp_path):
    file = tmp_path / "words.yaml"
    file.write_text(
        "words: {slur: {zh: {strong: [坏词]}, en: {strong: [Badword]}}}\ninnocent: {zh: [坏词典]}\n", "utf-8"
    )
    words = load(file)
    texts = ["坏词", "坏词典", "a BADWORD!", "badwords", "fuck"]
    assert [found(text, words=words) for text in texts] == [["坏词"], [], ["badword"], [], []]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("- fuck", "the file is list"),
        ("word: {}", "the file has 'word'; expected words or innocent"),
        ("innocent: {}", "words is NoneType"),
        ("words: {}", "has no strong or aimed words"),
        ("words: {slur: {en: {mild: [fool]}}}", "has no strong or aimed words"),
        ("words: {slur: [a]}", "words.slur is list"),
        ("words: {slur: {fr: {strong: [a]}}}", "words.slur has 'fr'; expected zh or en"),
        ("words: {slur: {en: {hard: [a]}}}", "words.slur.en has 'hard'; expected strong or aimed or mild"),
        ("words: {slur: {en: {strong: a}}}", "words.slur.en.strong is str; expected a list of words"),
        ("words: {slur: {en: {strong: [no]}}}", "words.slur.en.strong has False; expected a word"),
        ("words: {slur: {en: {strong: ['']}}}", "words.slur.en.strong has ''; expected a word"),
        ("words: {slur: {en: {strong: [a]}}}\ninnocent: [b]", "innocent is list"),
        ("words: [", "is no YAML"),
    ],
)
def test_a_list_of_another_shape_is_refused_with_the_place(tmp_path, content, message):
    file = tmp_path / "words.yaml"
    file.write_text(content, "utf-8")
    with pytest.raises(ParamsError) as error:
        load(file)
    assert str(file) in str(error.value)
    assert message in str(error.value)


def test_a_missing_list_is_named(tmp_path):
    with pytest.raises(ParamsError, match=r"none\.yaml: cannot be read"):
        load(tmp_path / "none.yaml")


def test_a_list_of_aimed_words_alone_finds_them_where_somebody_is_called_so(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text("words: {own: {en: {aimed: [fool]}, zh: {aimed: [木头]}}}", encoding="utf-8")
    texts = ["The fool on the hill.", "You fool!", "木头桌子", "你这个木头"]
    assert [found(text, words=load(path)) for text in texts] == [[], ["fool"], [], ["木头"]]
