"""Pages of `rag`."""

from django.urls import path

from rag.views import answers, chat, conversations, narrowing, stream

app_name = "rag"
urlpatterns = [
    path("", chat.new_conversation, name="chat"),
    path("ask/", chat.ask, name="ask"),
    path("conversations/", conversations.conversations, name="conversations"),
    path("choices/", narrowing.choices, name="choices"),
    path("<uuid:conversation_id>/narrow/", narrowing.narrow, name="narrow"),
    path("<uuid:conversation_id>/", chat.conversation, name="conversation"),
    path("<uuid:conversation_id>/rename/", conversations.rename, name="rename"),
    path("<uuid:conversation_id>/delete/", conversations.delete, name="delete"),
    path("answers/<uuid:message_id>/", answers.answer, name="answer"),
    path("answers/<uuid:message_id>/stream/", stream.answer_stream, name="answer_stream"),
    path("answers/<uuid:message_id>/again/", chat.ask_again, name="again"),
    path("answers/<uuid:message_id>/feedback/", answers.feedback, name="feedback"),
]
