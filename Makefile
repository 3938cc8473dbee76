# Short names for what people do here. The work is in tools/, the build is Meson's.

.PHONY: help run stop check torture coverage mutate bench bench-windows windows installer format clean

help:
	@echo 'make run        mount a volume on ./ram; make stop ends it'
	@echo 'make check      build everything, run every test'
	@echo 'make torture    the long forms of the tests: hours'
	@echo 'make coverage   say which lines the tests reach'
	@echo 'make mutate     put faults into the engine and see that tests fail'
	@echo 'make bench      measure the engine and the mounts; QUICK=1: roughly'
	@echo 'make bench-windows  measure memefs.exe through a stand-in for WinFsp, under Wine'
	@echo 'make windows    build memefs.exe, 64 and 32 bits, into build/windows-*'
	@echo 'make installer  build the Windows installer'
	@echo 'make format     lay out the source as .clang-format says'
	@echo 'make clean      remove the build folder'

run:
	@tools/run

stop:
	@tools/stop

check:
	@tools/install-packages check
	@tools/check

torture:
	@tools/install-packages torture
	@tools/torture

coverage:
	@tools/install-packages check
	@tools/coverage

mutate:
	@tools/install-packages check
	@tools/mutate

bench:
	@tools/install-packages bench
	@bench/run

bench-windows: windows
	@tools/install-packages check
	@bench/windows/run

windows:
	@tools/install-packages windows
	@tools/windows

installer: windows
	@tools/install-packages installer
	@tools/installer

format:
	@tools/install-packages format
	@git ls-files -z '*.c' '*.h' | xargs -0 clang-format -i

clean: stop
	rm -rf build
