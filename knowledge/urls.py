"""Every address of the product."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

_home = RedirectView.as_view(pattern_name="rag:chat", http_method_names=["get", "head"])

urlpatterns = [
    path("", _home, name="home"),
    path("", include("knowledge.lib.urls")),
    path("", include("accounts.urls")),
    path("documents/", include("documents.urls")),
    path("chat/", include("rag.urls")),
    path("", include("rag.report_urls")),
    path("admin/", admin.site.urls),
    path("api/", include("knowledge.api_urls")),
]

handler400 = "knowledge.lib.views.bad_request"
handler403 = "knowledge.lib.views.permission_denied"
handler404 = "knowledge.lib.views.page_not_found"
handler500 = "knowledge.lib.views.server_error"
