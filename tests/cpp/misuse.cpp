// Misuse that compilers reject. Lines marked "rejected" are errors of every compiler, those marked
// "dangling" warnings of compilers that know lifetimebound. All other lines compile.
#include <acclient.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using acclient::target;
using acclient::timeout;

void use(acclient::job_ref);
void use(std::string_view);
std::vector<acclient::command> commands();
acclient::cancel_token token();

// Temporaries may be used within the full expression.
void allowed(const acclient::client &client, acclient::request request) {
    use(request.run(10s).out());
    use(request.run(10s));
    use(request.run_all(10s).command().id());
    use(client.list_agents()[0].text("roles.0").value_or(""));
    use(request.try_run(10s).error().message());
    const std::string out(request.run(10s).out());
    const auto job = request.try_run(10s).value();
    const auto view = job.out();
    const acclient::job_ref reference = job;
    const auto jobs = request.submit().jobs();
    const auto view_of_element = jobs[0].out();
    for (const auto element : request.submit().jobs()) {
        use(element.state());
    }
    for (auto &result : request.submit().results(10s)) {
        use(result->out());
    }
    const auto kept = token();
    const auto with_token = timeout(10s).or_cancelled(kept);
    use(out + std::string(view) + std::string(view_of_element));
    use(reference);
    client.ping(with_token);
}

// References to what lives on may come from temporary references.
void allowed_references(const acclient::collected &all, const acclient::outcomes &outcomes,
                        const acclient::result<acclient::job> &result) {
    const acclient::job_ref first = all.jobs()[0];
    const auto out = all.jobs().front().out();
    const auto message = all.errors()[0].message();
    const auto row = outcomes[0].answer[0];
    const auto it = outcomes.begin()->answer.begin();
    const auto failure = outcomes.failure().message();
    const auto job = result.error().job().out();
    const acclient::job_ref value = *result;
    const std::optional<acclient::job_ref> maybe = result.value();
    use(first), use(out), use(message), use(row.text("x").value()), use(it->text("x").value());
    use(failure), use(job), use(value), use(*maybe);
}

void deleted(const acclient::client &client, acclient::request request) {
    client.ping(timeout(10s).or_cancelled(token()));                     // rejected
    client.ping(timeout::none().or_cancelled(acclient::cancel_token())); // rejected
    for (const auto job : request.run_all(10s).jobs()) {                 // rejected
        use(job.out());
    }
    for (const auto &error : request.run_all(10s).errors()) { // rejected
        use(error.message());
    }
    const auto first = request.submit().jobs().begin();    // rejected
    const auto last = request.submit().jobs().end();       // rejected
    const auto row = client.list_agents().begin();         // rejected
    const auto end_row = client.list_agents().end();       // rejected
    const auto it = request.submit().results(10s).begin(); // rejected
    const auto references = acclient::refs(commands());    // rejected
    auto made = acclient::client::connect("redis://localhost");
    const acclient::client copied = made; // rejected
    const auto job = request.run(10s);
    const acclient::job copied_job = job; // rejected
    const auto command = request.submit();
    command.next_result(10s);                                                // rejected
    const bool equal = acclient::result<int>(1) == acclient::result<int>(1); // rejected
}

void dangling(const acclient::client &client, acclient::request request) {
    const std::string_view out = request.run(10s).out();                          // dangling
    const auto state = request.run(10s).state();                                  // dangling
    const auto tags = request.run(10s).tags();                                    // dangling
    const acclient::job_ref job = request.run(10s);                               // dangling
    const acclient::command_ref command = request.submit();                       // dangling
    const auto id = request.submit().id();                                        // dangling
    const auto element = request.submit().jobs()[0];                              // dangling
    const auto collected = request.run_all(10s).command();                        // dangling
    const auto row = client.list_agents()[0];                                     // dangling
    const auto json = client.list_agents().json();                                // dangling
    const auto text = target::all().text();                                       // dangling
    const auto &error = request.try_run(10s).error();                             // dangling
    const auto &value = *request.try_run(10s);                                    // dangling
    const auto message = acclient::error(request.try_run(10s).error()).message(); // dangling
    auto &args = acclient::run_args().name("x");                                  // dangling
    auto &&all = target::all().role("cpu");                                       // dangling
    const auto *handle = acclient::client::connect("x").get();                    // dangling
    use(out), use(state), use(*tags), use(job), use(command.id()), use(id), use(element);
    use(collected.id()), use(row.text("x").value()), use(json), use(text), use(error.message());
    use(value.out()), use(message), args.name("y"), use(all.text());
    static_cast<void>(handle);
}
