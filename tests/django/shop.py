"""The routes of an app that moves: those that authgate takes over, and two that stay. All but the login
ask whom the settings say, as views do that say nothing of it themselves."""
from django.urls import path
from knox.views import LogoutAllView, LogoutView
from rest_framework.permissions import AllowAny
from rest_framework.response import Response
from rest_framework.views import APIView
from views import Login, Who


class Public(APIView):
    permission_classes = (AllowAny,)

    def get(self, request):
        return Response({"name": request.user.get_username()})


urlpatterns = [
    path("api/login/", Login.as_view()),
    path("api/logout/", LogoutView.as_view()),
    path("api/logoutall/", LogoutAllView.as_view()),
    path("app/", Who.as_view()),
    path("public/", Public.as_view()),
]
