; memefs.nsi: the Windows installer, built with makensis on any system.
;
; Defines: VERSION (1.2.3), PROGRAM (memefs.exe, 64 bits), LICENSE (a text file), OUTPUT (the
; installer to write). WinFsp is never part of it: its own installer keeps it up to date.
;
; Silent: /S [/D=folder], and
;   /PATH=0|1       put the folder on the system's path       (1)
;   /LAUNCHER=0|1   register with WinFsp's launcher           (1)
;   /SERVICE=0|1    a service that mounts at boot             (0)
;   /OPTIONS=...    the service's options                     (-m \\.\R: -F NTFS -i)
;   /NOCHECK        install although WinFsp is missing or too old
; Exit status: 0 done, 1 cancelled, 3 WinFsp is missing or too old, 4 installed, but the path, the
; launcher entry or the service could not be set up.

Target amd64-unicode
Unicode true
SetCompressor /SOLID lzma
ManifestSupportedOS all
RequestExecutionLevel admin
Name "memefs ${VERSION}"
OutFile "${OUTPUT}"
InstallDir "$PROGRAMFILES64\memefs"
ShowInstDetails show
VIProductVersion "${VERSION}.0"
VIAddVersionKey "ProductName" "memefs"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "FileDescription" "memefs installer"
VIAddVersionKey "LegalCopyright" "MIT License"

!include "MUI2.nsh"
!include "FileFunc.nsh"
!include "LogicLib.nsh"
!include "Sections.nsh"
!include "WinMessages.nsh"

!define UNINSTALL_KEY "Software\Microsoft\Windows\CurrentVersion\Uninstall\memefs"
!define OWN_KEY "Software\memefs"
!define ENVIRONMENT_KEY "SYSTEM\CurrentControlSet\Control\Session Manager\Environment"
!define ENTRY "memefs" ; name of the service and of the launcher entry
!define DEFAULT_OPTIONS "-m \\.\R: -F NTFS -i"
!define WINFSP_WHERE "https://winfsp.dev/rel/"

Var Options   ; the service's
Var Trouble   ; 1: something besides the files failed
Var Stopped   ; 1: an earlier version's service ran and was stopped

!define MUI_ABORTWARNING
!define MUI_WELCOMEPAGE_TEXT "This installs memefs, a file system in memory, for all users.$\r$\n$\r$\nIt needs WinFsp 1.10 or later, 2.2 or later recommended, which is installed separately:$\r$\n${WINFSP_WHERE}$\r$\n$\r$\nWinFsp - Windows File System Proxy, Copyright (C) Bill Zissimopoulos$\r$\nhttps://github.com/winfsp/winfsp"
!insertmacro MUI_PAGE_WELCOME
!insertmacro MUI_PAGE_LICENSE "${LICENSE}"
!insertmacro MUI_PAGE_COMPONENTS
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

; ---- WinFsp ------------------------------------------------------------------------------------

; Pushes "" when WinFsp is there and new enough, else what is wrong.
Function CheckWinFsp
	Push $0
	Push $1
	Push $2
	SetRegView 32
	ReadRegStr $0 HKLM "SOFTWARE\WinFsp" "InstallDir"
	SetRegView 64
	${If} $0 == ""
	${OrIfNot} ${FileExists} "$0\bin\winfsp-x64.dll"
		StrCpy $0 "WinFsp is not installed."
	${Else}
		GetDLLVersion "$0\bin\winfsp-x64.dll" $1 $2
		StrCpy $0 ""
		${If} $1 != ""
			IntOp $2 $1 & 0xffff
			IntOp $1 $1 >> 16
			IntOp $1 $1 & 0xffff
			${If} $1 < 1
				StrCpy $0 "WinFsp $1.$2 is too old."
			${ElseIf} $1 = 1
			${AndIf} $2 < 10
				StrCpy $0 "WinFsp $1.$2 is too old."
			${EndIf}
		${EndIf}
	${EndIf}
	Pop $2
	Pop $1
	Exch $0
FunctionEnd

; ---- the system's path --------------------------------------------------------------------------

; A path may be longer than this installer's strings: it is read and written in memory of its own.
; Defines for both: $1 key, $2 buffer, $3 bytes, $4 type, $5 bytes with what is added.
!macro OpenPath
	StrCpy $2 0
	System::Call 'advapi32::RegOpenKeyExW(p 0x80000002, w "${ENVIRONMENT_KEY}", i 0, i 0x103, *p .r1) i .r0'
	${If} $0 = 0
		System::Call 'advapi32::RegQueryValueExW(p r1, w "Path", p 0, *i .r4, p 0, *i 0 r3) i .r0'
		${If} $0 = 0
			StrLen $5 "$INSTDIR"
			IntOp $5 $5 * 2
			IntOp $5 $5 + $3
			IntOp $5 $5 + 8
			System::Alloc $5
			Pop $2
			System::Call 'advapi32::RegQueryValueExW(p r1, w "Path", p 0, *i .r4, p r2, *i r3r3) i .r0'
		${EndIf}
	${EndIf}
!macroend

!macro WritePath
	System::Call 'kernel32::lstrlenW(p r2) i .r3'
	IntOp $3 $3 + 1
	IntOp $3 $3 * 2
	System::Call 'advapi32::RegSetValueExW(p r1, w "Path", i 0, i r4, p r2, i r3) i .r0'
	SendMessage ${HWND_BROADCAST} ${WM_SETTINGCHANGE} 0 "STR:Environment" /TIMEOUT=5000
!macroend

!macro ClosePath
	${If} $2 <> 0
		System::Free $2
	${EndIf}
	${If} $1 <> 0
		System::Call 'advapi32::RegCloseKey(p r1)'
	${EndIf}
!macroend

; $6: where in the buffer ";folder" stands as a whole entry, 0: nowhere. $7: behind it.
!macro FindInPath
	StrLen $8 "$INSTDIR"
	IntOp $8 $8 + 1
	IntOp $8 $8 * 2
	StrCpy $6 $2
	${Do}
		System::Call 'shlwapi::StrStrIW(p r6, w ";$INSTDIR") p .r6'
		${If} $6 = 0
			${ExitDo}
		${EndIf}
		IntPtrOp $7 $6 + $8
		System::Call '*$7(&i2 .r9)'
		${If} $9 = 0
		${OrIf} $9 = 59
			${ExitDo}
		${EndIf}
		StrCpy $6 $7
	${Loop}
!macroend

; ---- sections --------------------------------------------------------------------------------------

Section "memefs" SectionProgram
	SectionIn RO
	SetRegView 64
	SetShellVarContext all
	SetOutPath "$INSTDIR"
	; An earlier version's service holds the program's file.
	ReadRegDWORD $0 HKLM "${OWN_KEY}" "Service"
	${If} $0 = 1
		nsExec::ExecToLog 'net stop ${ENTRY}'
		Pop $0
		${If} $0 = 0
			StrCpy $Stopped 1
		${EndIf}
	${EndIf}
	SetOverwrite on
	File "/oname=memefs.exe" "${PROGRAM}"
	File "/oname=LICENSE.txt" "${LICENSE}"
	WriteUninstaller "$INSTDIR\uninstall.exe"
	WriteRegStr HKLM "${OWN_KEY}" "InstallDir" "$INSTDIR"
	WriteRegStr HKLM "${UNINSTALL_KEY}" "DisplayName" "memefs"
	WriteRegStr HKLM "${UNINSTALL_KEY}" "DisplayVersion" "${VERSION}"
	WriteRegStr HKLM "${UNINSTALL_KEY}" "Publisher" "The memefs authors"
	WriteRegStr HKLM "${UNINSTALL_KEY}" "InstallLocation" "$INSTDIR"
	WriteRegStr HKLM "${UNINSTALL_KEY}" "UninstallString" '"$INSTDIR\uninstall.exe"'
	WriteRegStr HKLM "${UNINSTALL_KEY}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
	WriteRegDWORD HKLM "${UNINSTALL_KEY}" "NoModify" 1
	WriteRegDWORD HKLM "${UNINSTALL_KEY}" "NoRepair" 1
	SectionGetSize ${SectionProgram} $0
	WriteRegDWORD HKLM "${UNINSTALL_KEY}" "EstimatedSize" $0
SectionEnd

Section "Add to the path" SectionPath
	!insertmacro OpenPath
	${If} $0 = 0
		!insertmacro FindInPath
		${If} $6 = 0
			System::Call 'kernel32::lstrcatW(p r2, w ";$INSTDIR")'
			!insertmacro WritePath
		${EndIf}
	${EndIf}
	${If} $0 <> 0
		DetailPrint "The path cannot be changed (error $0)."
		StrCpy $Trouble 1
	${EndIf}
	!insertmacro ClosePath
SectionEnd

Section "Launcher entry (net use X: \\memefs\share)" SectionLauncher
	nsExec::ExecToLog '"$INSTDIR\memefs.exe" --register-launcher=${ENTRY}'
	Pop $0
	${If} $0 = 0
		WriteRegDWORD HKLM "${OWN_KEY}" "Launcher" 1
	${Else}
		StrCpy $Trouble 1
	${EndIf}
SectionEnd

Section /o "Service: drive R: at every boot, for all users" SectionService
	ReadRegDWORD $0 HKLM "${OWN_KEY}" "Service"
	${If} $0 = 1
		nsExec::ExecToLog '"$INSTDIR\memefs.exe" --remove-service=${ENTRY}'
		Pop $0
	${EndIf}
	nsExec::ExecToLog '"$INSTDIR\memefs.exe" --install-service=${ENTRY} $Options'
	Pop $0
	${If} $0 = 0
		WriteRegDWORD HKLM "${OWN_KEY}" "Service" 1
		nsExec::ExecToLog 'net start ${ENTRY}'
		Pop $0
		${If} $0 <> 0
			DetailPrint "The service is installed, but does not start now; see the event log."
			StrCpy $Trouble 1
		${EndIf}
	${Else}
		StrCpy $Trouble 1
	${EndIf}
SectionEnd

Section "-End"
	${IfNot} ${SectionIsSelected} ${SectionService}
	${AndIf} $Stopped = 1
		nsExec::ExecToLog 'net start ${ENTRY}'
		Pop $0
		${If} $0 <> 0
			StrCpy $Trouble 1
		${EndIf}
	${EndIf}
	${If} $Trouble = 1
		SetErrorLevel 4
	${EndIf}
SectionEnd

LangString TextProgram ${LANG_ENGLISH} "The program, its licence and an uninstaller."
LangString TextPath ${LANG_ENGLISH} "Lets every command prompt find memefs."
LangString TextLauncher ${LANG_ENGLISH} "Lets WinFsp's launcher start memefs: net use X: \\memefs\share. Administrators only."
LangString TextService ${LANG_ENGLISH} "Mounts drive R: whenever Windows starts. What is on it is gone when Windows stops."
!insertmacro MUI_FUNCTION_DESCRIPTION_BEGIN
	!insertmacro MUI_DESCRIPTION_TEXT ${SectionProgram} $(TextProgram)
	!insertmacro MUI_DESCRIPTION_TEXT ${SectionPath} $(TextPath)
	!insertmacro MUI_DESCRIPTION_TEXT ${SectionLauncher} $(TextLauncher)
	!insertmacro MUI_DESCRIPTION_TEXT ${SectionService} $(TextService)
!insertmacro MUI_FUNCTION_DESCRIPTION_END

; ---- start ------------------------------------------------------------------------------------------

; A switch that selects a section or not.
!macro TakeSwitch words name section
	ClearErrors
	${GetOptions} "${words}" "/${name}=" $1
	${IfNot} ${Errors}
		${If} $1 == "0"
			!insertmacro UnselectSection ${section}
		${Else}
			!insertmacro SelectSection ${section}
		${EndIf}
	${EndIf}
!macroend

; The value of /OPTIONS=, which has blanks in it, however the word is quoted. "": not given.
Function TakeOptions
	StrCpy $Options ""
	System::Call 'kernel32::GetCommandLineW() p .r1'
	System::Call 'shell32::CommandLineToArgvW(p r1, *i .r2) p .r1'
	StrCpy $3 $1
	${While} $2 > 0
		System::Call '*$3(w .r4)'
		StrCpy $5 $4 9
		${If} $5 == "/OPTIONS="
			StrCpy $Options $4 "" 9
		${EndIf}
		IntPtrOp $3 $3 + ${NSIS_PTR_SIZE}
		IntOp $2 $2 - 1
	${EndWhile}
	System::Call 'kernel32::LocalFree(p r1)'
	${If} $Options == ""
		StrCpy $Options "${DEFAULT_OPTIONS}"
	${EndIf}
FunctionEnd

Function .onInit
	StrCpy $Trouble 0
	StrCpy $Stopped 0
	SetRegView 64
	ReadRegStr $0 HKLM "${OWN_KEY}" "InstallDir"
	${If} $0 != ""
		StrCpy $INSTDIR $0
	${EndIf}
	${GetParameters} $0
	!insertmacro TakeSwitch "$0" "PATH" ${SectionPath}
	!insertmacro TakeSwitch "$0" "LAUNCHER" ${SectionLauncher}
	!insertmacro TakeSwitch "$0" "SERVICE" ${SectionService}
	Call TakeOptions
	ClearErrors
	${GetOptions} "$0" "/NOCHECK" $1
	${If} ${Errors}
		Call CheckWinFsp
		Pop $1
		${If} $1 != ""
			MessageBox MB_YESNOCANCEL|MB_ICONEXCLAMATION "$1$\r$\n$\r$\nInstall WinFsp 2.2 or later from ${WINFSP_WHERE} first.$\r$\n$\r$\nOpen that page now? (No: install memefs all the same.)" /SD IDCANCEL IDNO go_on
			${IfNot} ${Silent}
				ExecShell "open" "${WINFSP_WHERE}"
			${EndIf}
			SetErrorLevel 3
			Quit
			go_on:
		${EndIf}
	${EndIf}
FunctionEnd

; ---- uninstaller ------------------------------------------------------------------------------------

Section "Uninstall"
	SetRegView 64
	SetShellVarContext all
	ReadRegDWORD $0 HKLM "${OWN_KEY}" "Service"
	${If} $0 = 1
		nsExec::ExecToLog '"$INSTDIR\memefs.exe" --remove-service=${ENTRY}'
		Pop $0
	${EndIf}
	ReadRegDWORD $0 HKLM "${OWN_KEY}" "Launcher"
	${If} $0 = 1
		nsExec::ExecToLog '"$INSTDIR\memefs.exe" --unregister-launcher=${ENTRY}'
		Pop $0
	${EndIf}
	!insertmacro OpenPath
	${If} $0 = 0
		!insertmacro FindInPath
		${If} $6 <> 0
			System::Call 'kernel32::lstrlenW(p r7) i .r3'
			IntOp $3 $3 + 1
			IntOp $3 $3 * 2
			System::Call 'kernel32::RtlMoveMemory(p r6, p r7, i r3)'
			!insertmacro WritePath
		${EndIf}
	${EndIf}
	!insertmacro ClosePath
	DeleteRegKey HKLM "${UNINSTALL_KEY}"
	DeleteRegKey HKLM "${OWN_KEY}"
	DeleteRegKey HKLM "SYSTEM\CurrentControlSet\Services\EventLog\Application\memefs"
	Delete /REBOOTOK "$INSTDIR\memefs.exe"
	Delete "$INSTDIR\LICENSE.txt"
	Delete "$INSTDIR\uninstall.exe"
	RMDir "$INSTDIR"
SectionEnd
