// The headers after the macros of other libraries.
#include <algorithm>
#include <chrono>
#include <functional>
#include <initializer_list>
#include <iosfwd>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <variant>
#include <vector>
#if __cplusplus >= 202002L
#include <compare>
#include <ranges>
#include <stop_token>
#include <version>
#endif

// Qt.
#define emit
#define slots
#define signals public
#define forever for (;;)
#define foreach(variable, container) for (variable : container)

// X11.
#define Above 0
#define Always 2
#define Below 1
#define Bool int
#define Complex 0
#define Convex 2
#define CursorShape 0
#define Expose 12
#define False 0
#define FocusIn 9
#define FocusOut 10
#define KeyPress 2
#define KeyRelease 3
#define Nonconvex 1
#define None 0L
#define Status int
#define Success 0
#define True 1
#define Unsorted 0

// Windows.
#define ABSOLUTE 1
#define CALLBACK __stdcall
#define CONST const
#define DELETE (0x00010000L)
#define ERROR 0
#define FALSE 0
#define GetJob GetJobA
#define GetMessage GetMessageA
#define GetObject GetObjectA
#define IN
#define NO_ERROR 0L
#define OPTIONAL
#define OUT
#define RELATIVE 2
#define SendMessage SendMessageA
#define STRICT 1
#define TRUE 1
#define VOID void
#define Yield()
#define cdecl
#define far
#define hyper __int64
#define interface struct
#define max(a, b) (((a) > (b)) ? (a) : (b))
#define min(a, b) (((a) < (b)) ? (a) : (b))
#define near
#define pascal
#define small char

// term.h.
#define bell CUR Strings[1]
#define columns CUR Numbers[0]
#define lines CUR Numbers[2]
#define newline CUR Strings[103]
#define tab CUR Strings[134]

// AssertMacros.h of macOS.
#define check(assertion)
#define check_error(error)
#define check_noerr(error)
#define require(assertion, label)
#define require_action(assertion, label, action)
#define require_noerr(error, label)
#define verify(assertion)
#define verify_noerr(error)

// System headers, and compilers with GNU extensions.
#define linux 1
#define major(device) gnu_dev_major(device)
#define makedev(major, minor) gnu_dev_makedev(major, minor)
#define minor(device) gnu_dev_minor(device)
#define unix 1

#include <acclient.hpp>
// Included a second time.
#include <acclient.hpp>
