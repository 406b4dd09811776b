#include "textflag.h"

// func acceptInChild(listener int, limit *unix.Rlimit, result *int64) (pid int64)
TEXT ·acceptInChild(SB), NOSPLIT, $0-32
	MOVD	listener+0(FP), R19
	MOVD	limit+8(FP), R20
	MOVD	result+16(FP), R21
	MOVD	$220, R8 // clone
	MOVD	$0x4500, R0 // CLONE_VM|CLONE_FILES|CLONE_VFORK, and no signal at its end
	MOVD	ZR, R1 // on this stack
	MOVD	ZR, R2
	MOVD	ZR, R3
	MOVD	ZR, R4
	SVC
	CBZ	R0, child
	MOVD	R0, pid+24(FP)
	RET
child:
	MOVD	$261, R8 // prlimit64(0, RLIMIT_NOFILE, limit, NULL)
	MOVD	ZR, R0
	MOVD	$7, R1
	MOVD	R20, R2
	MOVD	ZR, R3
	SVC
	CBNZ	R0, done
	MOVD	$242, R8 // accept4(listener, NULL, NULL, SOCK_NONBLOCK|SOCK_CLOEXEC)
	MOVD	R19, R0
	MOVD	ZR, R1
	MOVD	ZR, R2
	MOVD	$0x80800, R3
	SVC
done:
	MOVD	R0, (R21)
	MOVD	$93, R8 // exit(0)
	MOVD	ZR, R0
	SVC
	BRK
