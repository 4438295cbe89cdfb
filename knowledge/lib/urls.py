"""Addresses for load balancers and monitors."""

from django.urls import path

from knowledge.lib import views

urlpatterns = [
    path("health", views.alive, name="health"),
    path("health/ready", views.ready, name="health-ready"),
    path("metrics", views.figures, name="metrics"),
]
