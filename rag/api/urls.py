"""API routes of `rag`."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
