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

// LevelTrace is the level of log messages about normal operation in detail, below [slog.LevelDebug].
const LevelTrace = slog.LevelDebug - 4

// levels maps the levels of C to those of slog.
var levels = [...]slog.Level{
	C.ACCLIENT_LOG_ERROR: slog.LevelError,
	C.ACCLIENT_LOG_WARN:  slog.LevelWarn,
	C.ACCLIENT_LOG_INFO:  slog.LevelInfo,
	C.ACCLIENT_LOG_DEBUG: slog.LevelDebug,
	C.ACCLIENT_LOG_TRACE: LevelTrace,
}

var (
	logger atomic.Pointer[slog.Logger]
	// setting serializes changes of the logger and the hook.
	setting sync.Mutex
)

// SetLogger sets the logger of the process, which receives what the C library logs for all clients. nil disables
// logging, which is the default.
//
// Messages have the attribute "target": "acclient::connection", "acclient::command", "acclient::wait" or
// "acclient::retry"; later versions may add more. Messages contain no passwords and no data of commands. Normal
// operation logs only at [slog.LevelDebug] and [LevelTrace]. SetLogger enables the levels that the logger has
// enabled at that time: call it again after enabling more.
//
// The handler runs in the goroutine of the call that logs, and may run in several at a time. It may use this
// package: the library then logs nothing, and a call with the same client takes another connection. A panic of the
// handler terminates the program.
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
	// A panic must not unwind C frames. It terminates the program like any panic that is not recovered.
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
	// Without a program counter, since this source position is irrelevant.
	record := slog.NewRecord(time.Now(), levels[level], text(message), 0)
	record.AddAttrs(slog.String("target", text(target)))
	// A handler that fails has nowhere to report it.
	_ = to.Handler().Handle(context.Background(), record)
}
