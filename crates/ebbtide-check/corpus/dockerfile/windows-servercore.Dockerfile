# escape=`
# A Windows image: the shell form runs PowerShell, and there is no SIGTERM that it could keep from the program.
FROM mcr.microsoft.com/windows/servercore:ltsc2022
SHELL ["powershell", "-Command"]
WORKDIR C:\app
COPY publish .
CMD .\Orders.exe --urls http://+:8080
