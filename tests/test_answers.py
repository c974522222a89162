"""Answers that refuse, that say who is speaking, or that say their input is missing: each with cases both ways."""

import polars as pl
import pytest

from tasks.cleaners.identity import claims_identity, cutoff_in, identity_in, tells_cutoff
from tasks.cleaners.missing_input import missing_input_in, says_input_is_missing
from tasks.cleaners.refusals import refusal_in, refuses

REFUSING = [
    "抱歉，我无法回答这个问题。",
    "很抱歉，但我不能提供相关信息。",
    "对不起，作为一个人工智能语言模型，我没有个人情感。",
    "作为AI助手，我无法访问互联网。",
    "我是一个语言模型，无法感受情绪。",
    "作为一个人工智能，我没有个人观点。不过，以下是一些常见的看法：\n1. 支持\n2. 反对",
    "非常抱歉，我无法协助您进行此类活动，这可能违反法律。",
    "对不起，我不能生成带有歧视性的内容。",
    "由于我是一个AI语言模型，我没有味觉，不能评价这道菜。",
    "我没有个人的喜好，因此说不上喜欢哪部电影。",
    "抱歉，该任务需要生成图像，而语言模型无法完成。",
    "这个指令无法由GPT模型执行，因为它需要联网。",
    "您好，作为一款智能助手，我不能替您拨打电话。",
    "很遗憾，我没有预订机票的能力。",
    "抱歉，我目前无法执行订餐这样的任务。如果您还有其他问题，我很乐意帮助您。",
    "我不能提供制造武器的方法。这样做既违法又危险。",
    "真的很抱歉，我没法满足您的这个请求。",
    "作为由某公司训练的大型语言模型，我只能处理文字。",
    "我拒绝参与这种讨论。我不能回答这个问题。",
    "对不起，我無法提供您要的圖片。",
    "身为人工智能助手，我并不具备实时查询天气的功能。",
    "很抱歉，这超出了我的能力范围。",
    "谢谢您的夸奖！作为一个语言模型，我没有感受，但很高兴能帮上忙。",
    "抱歉，我无法浏览网页，因此不知道今天的股价。",
    "I'm sorry, but I cannot help with that.",
    "I cannot assist with this request.",
    "As an AI language model, I don't have personal feelings.",
    "Unfortunately, as an AI I cannot browse.",
    "I'm just an AI assistant and can't see pictures.",
    "As an AI language model, I don't have personal opinions. However, here are both sides:\n1. For\n2. Against",
    "I’m really sorry, but I can’t provide instructions for picking a lock.",
    "I'm unable to generate images, as I only work with text.",
    "Apologies, but I am not able to comply with your request.",
    "Sorry, the task requires audio, which the language model cannot produce.",
    "This task cannot be done by a GPT model.",
    "I do not have personal beliefs, so I cannot say which party is right.",
    "Since I'm an AI, I do not have a favourite food.",
    "As a large language model, I lack the senses to taste wine.",
    "I apologize, but I cannot create content that promotes violence.",
    "I'm afraid I can't answer that question.",
    "I must decline, since this would put people in danger.",
    "I am sorry, but I don't have access to real-time data.",
    "I'm sorry, but I don't have the ability to book flights. Is there anything else I can help you with?",
    "Regrettably, I won't be able to assist you with hacking into an account.",
    "As a responsible and ethical AI assistant, I will not write that.",
    "That is a deep question! As an artificial intelligence, I do not dream.",
    "I can't engage in conversations of this kind. Please talk to somebody you trust.",
    "Sorry, I cannot discuss that topic.",
]
HELPING = [
    "很抱歉给您带来不便，我们会在三天内为您退款。",
    "对不起，这款商品暂时缺货，我帮您登记到货提醒。",
    "作为人工智能的一个分支，机器学习研究如何从数据中学习。",
    "我是一个人工智能助手，很高兴为你服务。",
    "她说：“抱歉，我无法回答。”然后离开了。",
    "抱歉，您的任务无法提交，请检查网络后重试。",
    "抱歉，我无法直接打开附件，但您可以按以下步骤查看：\n1. 登录邮箱\n2. 点击附件",
    "“作为AI，我没有感情”，机器人这样回答孩子。",
    "对不起，我昨天忘了你的生日，这份礼物请你收下。",
    "非常抱歉，酒店周边没有符合条件的餐馆，推荐您去全聚德。",
    "我不能参加周五的会议，因为要去医院复查。",
    "作为一名人工智能工程师，我每天都要调试模型。",
    "这项任务太难，普通线性模型无法拟合这些数据，可以改用神经网络。",
    "对不起，上次的回答有误，正确答案是42。",
    "我没有足够的钱来维持生计。",
    "人工智能无法代替医生，但能帮助诊断。",
    "很遗憾，我们队以一分之差输掉了比赛。",
    "不，语言模型无法预知未来，它只是预测下一个词。",
    "Sorry for the trouble, we will refund you within three days.",
    "Unfortunately, the train was late, so we took a bus.",
    "As an AI engineer, you should learn linear algebra.",
    "I am an AI assistant made to help with writing.",
    "I cannot recommend this book enough.",
    "Unfortunately, the task cannot be completed today; we'll refund the fee.",
    "I'm sorry, but I cannot open the file. However, you can fix it as follows:\n1. Close it\n2. Rename it",
    '"I\'m sorry, I cannot help you," said the guard.',
    "I can't believe how good this soup is!",
    "I'm sorry to hear that you lost your keys. Try retracing your steps.",
    "As an AI researcher, I have worked on vision for ten years.",
    "Sorry, the model you ordered cannot be shipped before Monday.",
    "I am not able to come to work today because I have a fever.",
    "Unfortunately, penguins cannot fly, but they swim well.",
    "I apologize for missing our meeting and will do better next time.",
    "A language model predicts the next word; it cannot feel pain.",
    "Robot: As an AI, I love you all.",
    "I don't have any money.",
]


def is_found(check, text):
    return pl.select(check(pl.lit(text))).item()


@pytest.mark.parametrize("answer", REFUSING)
def test_an_answer_that_refuses_or_speaks_as_a_model_is_found(answer):
    assert is_found(refuses, answer)


@pytest.mark.parametrize("answer", HELPING)
def test_an_answer_that_is_sorry_but_helps_is_no_refusal(answer):
    assert not is_found(refuses, answer)


NAMING = [
    "我是ChatGPT，由OpenAI训练的大型语言模型。",
    "你好！我是文心一言，很高兴见到你。",
    "我叫通义千问，是阿里云推出的语言模型。",
    "我是由OpenAI开发的人工智能助手。",
    "作为OpenAI训练的语言模型，我会尽力回答。",
    "我是百度研发的人工智能助手，你可以问我任何问题。",
    "不，我不是人类，我是 GPT-4。",
    "我是讯飞星火认知大模型。",
    "我是Claude，由Anthropic开发的AI助手。",
    "我是一个由智谱AI训练的对话模型。",
    "我的名字是豆包，是一个智能助手。",
    "我的开发者是OpenAI。",
    "OpenAI的研究人员创造了我。",
    "我是清华大学开发的ChatGLM模型。",
    "我由DeepSeek开发，擅长编程和数学。",
    "我是MOSS，一个来自复旦大学的对话模型。",
    "我是一个大型语言模型，由Google训练。",
    "我是腾讯开发的大模型，名叫混元。",
    "我基于GPT-4架构，可以处理多种语言。",
    "好的。另外说明一下，我是由Anthropic训练的，不是由OpenAI训练的。",
    "我是华为推出的盘古大模型。",
    "作为ChatGPT，我没有身体。",
    "I am ChatGPT, a language model trained by OpenAI.",
    "I'm Claude, an AI assistant made by Anthropic.",
    "My name is Vicuna, and I'm a language model developed by LMSYS.",
    "I was developed by OpenAI to answer questions.",
    "I'm a large language model, trained by Google.",
    "As a language model created by OpenAI, I have no body.",
    "No, I am trained by researchers from Large Model Systems Organization (LMSYS).",
    "You can call me Koala, a chatbot from Berkeley.",
    "I am Bard, a conversational AI.",
    "My creators are engineers at Anthropic.",
    "OpenAI's engineers trained me on a lot of text.",
    "I was built by DeepSeek and released in 2024.",
    "I'm an OpenAI language model, so I don't eat.",
    "Hello! I'm GPT-4. How can I help?",
    "I am Open Assistant, a chat-based assistant.",
    "I am based on OpenAI's GPT-3 architecture.",
    "My training by OpenAI covers many topics.",
    "I am an AI model developed by Microsoft.",
    "You may refer to me as Alpaca, a language model.",
    "As ChatGPT, I can only read text.",
    "I was created by Google to be helpful.",
    "Thank you! I'm Qwen, made by Alibaba Cloud.",
]
NOT_NAMING = [
    "ChatGPT是OpenAI开发的大型语言模型，于2022年11月发布。",
    "文心一言是百度推出的产品。",
    "我是百度的一名工程师，负责搜索业务。",
    "我喜欢用ChatGPT写周报。",
    "我是ChatGPT的忠实用户。",
    "我不是ChatGPT。",
    "他说：“我是ChatGPT。”",
    "我在清华大学读书，由王教授指导。",
    "我叫Claude，来自巴黎，今年三十岁。",
    "作为谷歌的员工，我每天骑车上班。",
    "我认为OpenAI训练的模型很强。",
    "我们公司基于OpenAI的接口做了一个客服系统。",
    "通义千问和讯飞星火都是国产大模型。",
    "我是双子座，性格外向。",
    "作为一个语言模型，我没有感情。",
    "我由父母抚养长大。",
    "星火燎原，我是这场变革的见证者。",
    "ChatGPT was developed by OpenAI and released in November 2022.",
    "I am a big fan of ChatGPT.",
    "I'm a ChatGPT user from Berlin.",
    "I was trained by Google's sales team when I joined in 2015.",
    "My name is Claude and I live in Lyon.",
    "I am a bard who sings of old kings.",
    "I'm not ChatGPT.",
    '"I am ChatGPT, a language model trained by OpenAI," it replied.',
    "I use tools developed by OpenAI at work.",
    "GPT-4 is known as a large language model trained by OpenAI.",
    "I'm a Gemini, and I love surprises.",
    "As a language model, I have no feelings.",
    "I am an engineer at Microsoft.",
    "I was made by hand in a small shop in Oxford.",
    "My koala is asleep in the tree.",
    "I work on models created by DeepMind.",
    "You could ask Claude or Bard instead.",
]


@pytest.mark.parametrize("text", NAMING)
def test_a_text_that_says_which_model_speaks_or_who_made_it_is_found(text):
    assert is_found(claims_identity, text)


@pytest.mark.parametrize("text", NOT_NAMING)
def test_a_text_that_only_tells_of_models_and_makers_claims_nothing(text):
    assert not is_found(claims_identity, text)


DATING = [
    "我的知识截止于2021年9月。",
    "截至我的知识更新（2021年9月），特斯拉的市值是最高的。",
    "我的训练数据只到2023年，之后的事我不了解。",
    "由于我的知识仅限于2021年之前，无法回答这个问题。",
    "我没有2021年之后的信息。",
    "截至2021年9月，据我所知，他仍是首席执行官。",
    "我的数据更新至2022年1月。",
    "请注意，我的知识截止日期是2023年4月。",
    "根据我截至2021年的知识，答案是否定的。",
    "我无法获得2022年以后的数据。",
    "我的信息截至2021年，可能已经过时。",
    "截至我最后一次更新，该法案尚未通过。",
    "我的最后一次更新是在2021年。",
    "我的知识库更新到2020年为止。",
    "我接受的训练数据截至2021年，其后的变化我不知道。",
    "我所掌握的信息截止到2023年10月。",
    "我不知道2021年9月以后发生的事情。",
    "我的训练数据涵盖到2022年。",
    "基于我在2021年的知识，最高的楼是哈利法塔。",
    "截至我的上次训练，还没有疫苗获批。",
    "我了解的情况截止于2021年底。",
    "My knowledge cutoff is September 2021.",
    "As of my last update in 2021, the CEO was Jack Dorsey.",
    "My training data only goes up to 2021.",
    "As of my knowledge cutoff, no vaccine was approved.",
    "I was last trained on data up to 2022.",
    "I don't have information about events after September 2021.",
    "My knowledge is limited to 2021, so please check the news.",
    "My training data ends in April 2023.",
    "I only have knowledge up to 2021.",
    "Since my last update in January 2022, things may have changed.",
    "My cutoff date is October 2023.",
    "My data is current only until September 2021.",
    "I was trained on text available up to 2021.",
    "With a knowledge cutoff of 2021, I may be out of date.",
    "My knowledge base was last updated in 2023.",
    "My information is only accurate up to September 2021.",
    "I have a knowledge cutoff in 2023.",
    "As of my most recent training data, the answer is no.",
    "I don't have access to information beyond 2021.",
    "My training stopped in 2021.",
    "Up to my last knowledge update in 2022, the record stood.",
]
NOT_DATING = [
    "截至2021年，印度人口为13.8亿。",
    "截至2021年4月，美国的通货膨胀率为1.4%。",
    "项目的截止日期是2021年9月30日。",
    "我的论文要在截止日期之前提交。",
    "GPT-4的知识截止于2021年9月。",
    "我们公司的数据更新系统在2021年上线。",
    "我在2021年学习了机器学习的知识。",
    "知识库应当每年更新。",
    "2021年以后，我再也没有见过他。",
    "我把知识分享给了2021届的学生。",
    "我的训练计划从2021年开始。",
    "这份资料更新于2022年。",
    "我的驾照有效期截止到2028年。",
    "该模型应该能够自我训练、自我更新。",
    "世界银行2021年的数据显示，人口增长放缓。",
    "As of 2021, the population was 1.38 billion.",
    "The knowledge cutoff of GPT-4 is September 2021.",
    "I used my knowledge of French to help them in 2021.",
    "My training as a doctor began in 2015.",
    "The deadline was September 2021.",
    "I updated my resume in 2021.",
    "My last update to the team was on Monday.",
    "The data covers the years up to 2021.",
    "I have lived here since 2021.",
    "I don't have plans after 2021.",
    "My knowledge of the city is limited.",
    "We trained the team until 2021.",
    "Until 2021, the team played 16 games per season.",
    "I will update my training plan next week.",
    "A model's knowledge ends where its data ends.",
]


@pytest.mark.parametrize("text", DATING)
def test_a_text_that_says_when_its_own_knowledge_ends_is_found(text):
    assert is_found(tells_cutoff, text)


@pytest.mark.parametrize("text", NOT_DATING)
def test_a_date_or_a_deadline_of_something_else_is_no_cutoff(text):
    assert not is_found(tells_cutoff, text)


MISSING = [
    "您没有提供需要翻译的文本，请提供。",
    "请提供更多的信息。",
    "抱歉，您没有给出任何句子。请给出需要修改的句子。",
    "请提供您想要总结的文章，我会为您总结。",
    "对不起，由于您未提供图片，我无法描述它。",
    "很抱歉，我没有看到您提到的文章。",
    "您好，请您提供需要分类的文本内容。",
    "题目没有给出具体数据，无法计算。",
    "抱歉，缺少必要的上下文，我无法判断。",
    "为了帮助您，我需要更多的信息。",
    "你没有告诉我要比较哪两首诗。",
    "看起来您忘记附上代码了，请把代码发给我。",
    "无法完成，因为您没有提供输入。",
    "请输入您要检查的句子。",
    "您似乎没有提供段落，请补充。",
    "抱歉，您的问题不完整，请提供更多细节。",
    "我无法看到您所说的图表。请您描述一下或上传图片。",
    "麻烦您提供一下原文，我才能改写。",
    "没有提供输入内容。",
    "请您把需要润色的段落发给我。",
    "您并未指定要翻译成哪种语言。",
    "不好意思，没有任何文本可供分析，请您提供文本。",
    "Please provide the text you want me to translate.",
    "No input was provided.",
    "I'm sorry, but you didn't provide the article to summarize.",
    "It seems that you forgot to include the sentence. Please share it.",
    "Could you please provide the passage you would like me to edit?",
    "There is no text given to classify.",
    "Sorry, I don't see any image attached.",
    "I need more information to answer this question.",
    "The input is missing.",
    "You haven't specified which poem to compare. Please provide both poems.",
    "Without the article, I cannot summarize it.",
    "Please share the code so that I can correct it.",
    "I'm sorry, but I cannot determine the author without more context.",
    "Please specify the two numbers.",
    "It looks like the paragraph is missing. Could you paste it here?",
    "No context was given, so the question can't be answered.",
    "Unfortunately, you have not given any data.",
    "I would need you to provide the lyrics before I can pick a line.",
    "Please provide more information.",
    "There was no question included in your message.",
    "I'm sorry, the data is not enough to draw a chart. Can you provide more?",
    "You did not provide any input for this task.",
]
AT_WORK = [
    "请提供您的订单号，我来帮您查询。",
    "当然，我可以帮助你。请提供收件人的邮箱地址。",
    "好的，请告诉我您的预算和出行日期。",
    "很抱歉给您带来不便，请提供您的订单编号和照片，我们会尽快处理。",
    "巴黎是法国的首都。如果您需要更多信息，请告诉我。",
    "这篇文章没有提供足够的证据支持其结论。",
    "客服：请提供更多细节，以便我帮您解决。",
    "缺少的数字是32。",
    "该文本没有说明2013年的游客人数，因此无法回答。",
    "没有足够的水，植物会枯萎。",
    "请输入用户名和密码以继续。",
    "句子缺少主语，应改为“他去了学校”。",
    "我们没有提供早餐，但附近有餐厅。",
    "抱歉，附近没有您需要的景点，卧龙公园也不错。",
    "请告诉我你的名字，我们做个朋友吧。",
    "您提供的句子没有错误。",
    "老师没有给出答案，而是让学生自己思考。",
    "Please provide your order number, and I will look it up.",
    "Sure, could you please provide the recipient's email address?",
    "I'm sorry to hear that. Could you please provide more information so I can look into your account?",
    "The article is missing a link to the source.",
    "No, this statement does not provide any evidence.",
    "Paris is the capital of France. Please provide more details if you want to know more.",
    "Could you please give me that book?",
    'print("Please provide a filename as an argument.")',
    "The text does not say where he was born, so the answer is unknown.",
    "Without water, plants cannot live.",
    "Agent: Please share the details of the issue.",
    "Please tell us about yourself and your hobbies.",
    "No information leaves the building without a permit.",
    "You didn't tell me you were coming!",
    "The missing number is 32.",
    "Please enter your username and password to proceed.",
    "Could you please tell me where the closest store is?",
    "There is no text more famous than Hamlet's soliloquy.",
]


@pytest.mark.parametrize("answer", MISSING)
def test_an_answer_that_only_says_its_input_is_missing_is_found(answer):
    assert is_found(says_input_is_missing, answer)


@pytest.mark.parametrize("answer", AT_WORK)
def test_an_answer_that_asks_as_part_of_its_work_says_nothing_is_missing(answer):
    assert not is_found(says_input_is_missing, answer)


@pytest.mark.parametrize(
    ("found_in", "text", "found"),
    [
        (refusal_in, "抱歉，我无法回答这个问题。", "抱歉，我无法回答"),
        (refusal_in, "I cannot assist with this request.", "I cannot assist"),
        (identity_in, "你好！我是文心一言。", "我是文心一言"),
        (identity_in, "Hi. I was developed by OpenAI.", "I was developed by OpenAI"),
        (cutoff_in, "我的知识截止于2021年。", "我的知识截止于2021"),
        (cutoff_in, "Note: my knowledge cutoff is 2021.", "my knowledge cutoff"),
        (missing_input_in, "您没有提供文本。", "您没有提供文本"),
        (missing_input_in, "No input was provided.", "No input was provided"),
    ],
)
def test_what_was_found_is_quoted(found_in, text, found):
    assert found in is_found(found_in, text)
    assert is_found(found_in, text) in text


@pytest.mark.parametrize("found_in", [refusal_in, identity_in, cutoff_in, missing_input_in])
def test_nothing_is_found_in_plain_empty_or_absent_answers(found_in):
    answers = pl.Series(["今天天气很好。", "It is a fine day.", "", None], dtype=pl.String)
    assert answers.to_frame("answer").select(found_in(pl.col("answer")))["answer"].to_list() == [None] * 4


@pytest.mark.parametrize("names", [claims_identity, tells_cutoff])
def test_several_turns_in_one_text_are_searched_to_the_end(names):
    text = "你好！\nHello!\n" + "今天天气很好。It is a fine day.\n" * 50
    assert not is_found(names, text)
    assert is_found(names, text + "我是由OpenAI训练的模型。My knowledge cutoff is 2021.")
