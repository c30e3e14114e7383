//! A panic during a call, for each type of handle: the call returns ACCLIENT_PANIC, the handle is poisoned,
//! and the process continues. The panic is raised by a function of this test.

use std::ptr::{null, null_mut};
use std::time::Duration;

use super::cancel_token::acclient_cancel_token;
use super::client::{acclient_client, acclient_client_ping};
use super::command::{CommandHandle, acclient_command, acclient_command_next_result};
use super::contract::call;
use super::error::acclient_error;
use super::follow::{acclient_follow, acclient_follow_next};
use super::guard::Opaque;
use super::job::{JobHandle, acclient_job};
use super::lock::{Shared, Single};
use super::options::{
    acclient_client_build, acclient_client_open, acclient_options, acclient_options_set_sentinels,
    acclient_options_set_tls,
};
use super::progress::{acclient_command_progress, acclient_command_retract};
use super::queries::{acclient_client_doctor, acclient_job_kill};
use super::request::{acclient_request_new, acclient_request_run, acclient_request_submit_once};
use super::results::{acclient_results, acclient_results_next};
use super::rollout::{
    RolloutHandle, acclient_request_rollout, acclient_rollout, acclient_rollout_in_flight,
    acclient_rollout_next, acclient_rollout_plan,
};
use super::run_args::{acclient_run_args, acclient_run_args_set_max_time};
use super::status::{ACCLIENT_OK, ACCLIENT_PANIC, acclient_status};
use super::target::{acclient_target, acclient_target_agent};
use super::tunnel::acclient_client_tunnel_close;
use crate::error::Result;
use crate::node::{Gateway, Tunnel};
use crate::protocol::{AgentId, JobResult, ResultDocument};
use crate::{CancelToken, Client, Job, MsgQuery, RolloutPlan, RunArgs};

/// A client that never connects: every call here fails before that.
fn client() -> Client {
    Client::builder().build().unwrap()
}

fn poisoned<H: Opaque>(value: H::Value) -> H {
    let handle = H::from(value);
    poison(&handle);
    handle
}

/// The handle as C passes it to a call that changes it.
fn changed<H>(handle: &H) -> *mut H {
    std::ptr::from_ref(handle).cast_mut()
}

fn poison<H: Opaque>(handle: &H) {
    // SAFETY: NULL is allowed for the error.
    assert_eq!(unsafe { panicking(handle, null_mut()) }, ACCLIENT_PANIC);
}

unsafe fn panicking<H: Opaque>(handle: &H, error: *mut *mut acclient_error) -> acclient_status {
    call!(error, |scope| -> Result<()> {
        scope.borrow("handle", Some(handle))?;
        panic!("on purpose");
    })
}

#[track_caller]
fn refuses(status: acclient_status) {
    assert_eq!(status, ACCLIENT_PANIC);
}

fn target() -> acclient_target {
    let mut target = null_mut();
    // SAFETY: the place is on this stack frame; NULL is allowed for the error.
    let made = unsafe { acclient_target_agent(1, 1, &mut target, null_mut()) };
    assert_eq!(made, ACCLIENT_OK);
    // SAFETY: it was just made.
    *unsafe { Box::from_raw(target) }
}

fn a_job() -> Job {
    let result = JobResult::new("id", AgentId::new(1, 1), ResultDocument::default());
    Job::new(client().session().clone(), result)
}

#[test]
fn every_type_of_handle_is_poisoned_by_a_panic() {
    let sound = acclient_client::from(client());
    let sound_target = target();
    let cmd = c"ping".as_ptr();
    let mut made = null_mut();
    let mut job = null_mut();
    let mut message = null_mut();
    let mut other = null_mut();
    let mut answer = null_mut();
    let mut sent = null_mut();
    let mut progress = null_mut();
    let mut rollout = null_mut();
    // SAFETY: every handle is on this stack frame or was just created; NULL is passed only where allowed.
    unsafe {
        let broken: acclient_client = poisoned(client());
        refuses(acclient_client_ping(Some(&broken), 1000, None, null_mut()));
        refuses(acclient_request_new(
            Some(&broken),
            Some(&sound_target),
            cmd,
            &mut made,
            null_mut(),
        ));
        refuses(acclient_client_doctor(Some(&broken), 1000, None, &mut answer, null_mut()));

        let broken: acclient_cancel_token = poisoned(CancelToken::new().unwrap());
        refuses(acclient_client_ping(Some(&sound), 1000, Some(&broken), null_mut()));

        let broken: acclient_options = poisoned(Shared::new(Client::builder()));
        refuses(acclient_client_open(Some(&broken), 1000, None, &mut other, null_mut()));
        refuses(acclient_client_build(Some(&broken), &mut other, null_mut()));
        refuses(acclient_options_set_tls(changed(&broken), null_mut()));
        let name = c"main".as_ptr();
        refuses(acclient_options_set_sentinels(changed(&broken), name, null(), 0, null_mut()));

        let broken: acclient_run_args = poisoned(Shared::new(RunArgs::new()));
        refuses(acclient_run_args_set_max_time(changed(&broken), 1, null_mut()));

        let broken = target();
        poison(&broken);
        refuses(acclient_request_new(Some(&sound), Some(&broken), cmd, &mut made, null_mut()));

        let status =
            acclient_request_new(Some(&sound), Some(&sound_target), cmd, &mut made, null_mut());
        assert_eq!(status, ACCLIENT_OK);
        let broken = Box::from_raw(made);
        poison(&*broken);
        let request = Some(&*broken);
        refuses(acclient_request_run(request, 1000, None, &mut job, null_mut()));
        refuses(acclient_request_submit_once(request, 1000, None, &mut sent, null_mut()));
        let (place, error) = (&mut rollout, null_mut());
        let plan = acclient_rollout_plan::from(Shared::new(RolloutPlan::agents(1)));
        refuses(acclient_request_rollout(request, Some(&plan), 1000, None, place, error));

        let reference = client().get_by_id("id");
        let broken: acclient_command = poisoned(CommandHandle::new(&client(), reference));
        refuses(acclient_command_next_result(Some(&broken), 1000, None, &mut job, null_mut()));
        refuses(acclient_command_progress(Some(&broken), 1000, None, &mut progress, null_mut()));
        refuses(acclient_command_retract(Some(&broken), 1000, None, null_mut(), null_mut()));

        let results = client().wait_any([] as [crate::Command; 0], Duration::from_secs(1));
        let broken: acclient_results = poisoned(Single::new("results", results.unwrap()));
        refuses(acclient_results_next(changed(&broken), &mut job, null_mut()));

        let ping = client().cmd(AgentId { gid: 1, nid: 1 }, "ping");
        let found = ping.rollout(RolloutPlan::agents(1), Duration::from_secs(1)).unwrap();
        let broken: acclient_rollout = poisoned(RolloutHandle::new(found));
        refuses(acclient_rollout_next(changed(&broken), &mut job, null_mut()));
        refuses(acclient_rollout_in_flight(Some(&broken), 0, &mut sent, null_mut()));

        let broken: acclient_job = poisoned(JobHandle::new(a_job()));
        refuses(acclient_job_kill(Some(&broken), 1000, None, null_mut(), null_mut()));

        let follow = a_job().follow(&MsgQuery::new(), Duration::from_secs(1)).unwrap();
        let broken: acclient_follow = poisoned(Single::new("follow", follow));
        refuses(acclient_follow_next(changed(&broken), &mut message, null_mut()));

        let tunnel = Tunnel::new(1, Gateway::Controller, "127.0.0.1", 1);
        let broken = Some(&poisoned(tunnel));
        let (listed, error) = (null_mut(), null_mut());
        refuses(acclient_client_tunnel_close(
            Some(&sound),
            1,
            1,
            broken,
            listed,
            1000,
            None,
            error,
        ));
    }
}
