"""Every address below `/api/`."""

from django.contrib.auth.decorators import login_required
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

# A page for people: who is not signed in is sent to the login page. Its script is a file of its
# own ("split"), because the Content-Security-Policy allows no script inside a page.
docs_page = login_required(
    SpectacularSwaggerSplitView.as_view(url_name="api-schema", template_name="api_docs.html")
)

urlpatterns = [
    path("", include("accounts.api.urls")),
    path("", include("documents.api.urls")),
    path("", include("rag.api.urls")),
    path("schema", SpectacularAPIView.as_view(), name="api-schema"),
    path("docs", docs_page, name="api-docs"),
]
