/// Language version, attributes and version of the C++ layer: part of acclient.hpp.
#ifndef ACCLIENT_CONFIG_HPP
#define ACCLIENT_CONFIG_HPP

/// The C++ standard of this compilation. MSVC leaves __cplusplus at C++98 by default.
#if defined(_MSVC_LANG)
#define ACCLIENT_CPLUSPLUS _MSVC_LANG
#else
#define ACCLIENT_CPLUSPLUS __cplusplus
#endif

#if ACCLIENT_CPLUSPLUS < 201703L
#error "acclient requires C++17: compile with -std=c++17 or later (MSVC: /std:c++17)"
#else

#include "../acclient.h"

#if defined(__has_include)
#if __has_include(<version>)
#include <version>
#endif
#endif

/// Whether the functions that throw are available: 0 with -fno-exceptions.
#if defined(__cpp_exceptions) || defined(_CPPUNWIND)
#define ACCLIENT_EXCEPTIONS 1
#else
#define ACCLIENT_EXCEPTIONS 0
#endif

#if !defined(__has_cpp_attribute)
#define ACCLIENT_HAS_ATTRIBUTE(attribute) 0
#else
#define ACCLIENT_HAS_ATTRIBUTE(attribute) __has_cpp_attribute(attribute)
#endif

/// Marks what a result refers to, so that compilers warn about dangling references.
#if ACCLIENT_HAS_ATTRIBUTE(clang::lifetimebound)
#define ACCLIENT_LIFETIMEBOUND [[clang::lifetimebound]]
#elif ACCLIENT_HAS_ATTRIBUTE(msvc::lifetimebound)
#define ACCLIENT_LIFETIMEBOUND [[msvc::lifetimebound]]
#else
#define ACCLIENT_LIFETIMEBOUND
#endif

/// Mark owners of a handle, and views into one, for the same warnings.
#if ACCLIENT_HAS_ATTRIBUTE(gsl::Owner) && ACCLIENT_HAS_ATTRIBUTE(gsl::Pointer)
#define ACCLIENT_OWNER [[gsl::Owner]]
#define ACCLIENT_POINTER [[gsl::Pointer]]
#else
#define ACCLIENT_OWNER
#define ACCLIENT_POINTER
#endif

/// The inline namespace is named after the version of the ABI, so that mixing two versions of these
/// headers is a linker error instead of undefined behaviour.
namespace acclient {
inline namespace v0_1 {

static_assert(ACCLIENT_VERSION_MAJOR == 0 && ACCLIENT_VERSION_MINOR == 1,
              "the inline namespace has to be named after the version of acclient.h");

} // namespace v0_1
} // namespace acclient

#endif
#endif
