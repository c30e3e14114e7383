package acclient

// #include "acclient.h"
//
// typedef const char acclient_const_char;
// extern void acclientLog(int32_t level, acclient_const_char *target, acclient_const_char *message, void *data);
import "C"

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

// LevelTrace is the level of log messages about normal work in detail, below [slog.LevelDebug].
const LevelTrace = slog.LevelDebug - 4

// levels are the levels of slog, by those of C.
var levels = [...]slog.Level{
	C.ACCLIENT_LOG_ERROR: slog.LevelError,
	C.ACCLIENT_LOG_WARN:  slog.LevelWarn,
	C.ACCLIENT_LOG_INFO:  slog.LevelInfo,
	C.ACCLIENT_LOG_DEBUG: slog.LevelDebug,
	C.ACCLIENT_LOG_TRACE: LevelTrace,
}

var (
	logger atomic.Pointer[slog.Logger]
	// setting keeps the logger and the hook together.
	setting sync.Mutex
)

// SetLogger sets the logger that receives what the C library logs, for the whole process: there is one for all
// clients. nil turns logging off, which is the default.
//
// A message has the attribute "target": "acclient::connection", "acclient::command", "acclient::wait" or
// "acclient::retry"; later versions may add some. No message contains a password, or the data of a command. In
// normal work nothing above [slog.LevelDebug] is logged. The library logs the levels that the logger has enabled
// when SetLogger is called: call it again after enabling further ones.
//
// The handler runs in the goroutine of the call that logs, and may be called by several at a time. It may use this
// package: the library logs nothing of what it does, and a call with the same client takes a further connection. A
// panic of the handler ends the program.
func SetLogger(to *slog.Logger) error {
	setting.Lock()
	defer setting.Unlock()
	var hook C.acclient_log_hook
	level := C.int32_t(C.ACCLIENT_LOG_ERROR)
	if to != nil {
		for at := level; int(at) < len(levels); at++ {
			if to.Enabled(context.Background(), levels[at]) {
				hook, level = C.acclient_log_hook(C.acclientLog), at
			}
		}
	}
	previous := logger.Swap(to)
	err := plain(func(raw errorOut) status { return C.acclient_set_log_hook(hook, nil, level, raw) })
	if err != nil {
		logger.Store(previous)
	}
	return err
}

//export acclientLog
func acclientLog(level C.int32_t, target, message *C.acclient_const_char, _ unsafe.Pointer) {
	// A panic must not unwind the frames of C. It ends the program like any other that nothing recovers.
	defer func() {
		if reason := recover(); reason != nil {
			go panic(reason)
		}
	}()
	to := logger.Load()
	if to == nil || level < 1 || int(level) >= len(levels) || !to.Enabled(context.Background(), levels[level]) {
		return
	}
	text := func(text *C.acclient_const_char) string { return C.GoString((*C.char)(unsafe.Pointer(text))) }
	// Without a program counter, since the place in this file says nothing.
	record := slog.NewRecord(time.Now(), levels[level], text(message), 0)
	record.AddAttrs(slog.String("target", text(target)))
	// A handler that fails has nowhere to report it.
	_ = to.Handler().Handle(context.Background(), record)
}
