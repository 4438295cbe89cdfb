"""API routes of `documents`."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
