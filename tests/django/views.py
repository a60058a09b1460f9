"""The routes that authgate has too: a login, and what one sees with a token of either kind."""
from django.contrib.auth import login
from django.urls import path
from knox.auth import TokenAuthentication as KnoxAuthentication
from knox.views import LoginView as KnoxLoginView
from rest_framework.authentication import TokenAuthentication
from rest_framework.authtoken.serializers import AuthTokenSerializer
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView


class Login(KnoxLoginView):
    authentication_classes = ()
    permission_classes = (AllowAny,)

    def post(self, request, format=None):
        serializer = AuthTokenSerializer(data=request.data, context={"request": request})
        serializer.is_valid(raise_exception=True)
        login(request, serializer.validated_data["user"])
        return super().post(request, format)


class Who(APIView):
    permission_classes = (IsAuthenticated,)

    def get(self, request):
        return Response({"id": request.user.pk, "name": request.user.get_username()})


urlpatterns = [
    path("login/", Login.as_view()),
    path("knox/", Who.as_view(authentication_classes=(KnoxAuthentication,))),
    path("authtoken/", Who.as_view(authentication_classes=(TokenAuthentication,))),
]
