//! Which conversations there are, and which of them have no sense over which binding.

use turbomcp::client::Era;

use crate::binding::Boxed;
use crate::bindings::BINDINGS;
use crate::site::Scene;

pub type Conversation = fn(Scene) -> Boxed<'static, ()>;

macro_rules! conversations {
    ($($theme:ident: $($name:ident)*;)*) => {
        /// Every conversation by its name.
        pub static CONVERSATIONS: &[(&str, Conversation)] = &[
            $($((stringify!($name), |scene| Box::pin(crate::conversations::$theme::$name(scene)))),*),*
        ];
    };
}

conversations! {
    connecting:
        the_newest_revision_of_the_era_is_agreed_on
        every_revision_of_the_era_may_be_insisted_on
        who_does_not_choose_an_era_gets_the_modern_one
        the_server_says_who_it_is
        the_server_says_what_it_can
        the_client_says_who_it_is
        the_client_says_what_it_can
        a_ping_is_answered
        several_clients_are_served
        a_server_that_is_gone_cannot_be_connected_to;
    listing:
        tools_are_listed_with_their_schemas
        tools_are_listed_in_pages
        resources_are_listed_in_pages
        templates_are_listed_in_pages
        prompts_are_listed_in_pages
        a_cursor_nobody_gave_out_is_an_error
        what_is_added_is_listed_and_called;
    calling:
        a_tool_is_called_with_arguments_of_any_type
        a_structured_result_is_read_as_its_type
        every_kind_of_content_arrives
        a_result_may_be_empty
        text_and_bytes_are_read
        templates_are_filled_in
        prompts_are_filled_in
        arguments_are_completed
        the_middleware_sees_each_request
        what_the_middleware_knows_reaches_the_handler;
    failing:
        an_unknown_tool_is_an_error
        an_unknown_method_is_an_error
        arguments_that_do_not_fit_are_for_the_model
        a_tool_that_fails_is_a_result
        a_panic_costs_its_own_request
        an_error_keeps_its_code_and_data
        a_resource_that_is_missing_is_told_from_other_errors
        a_prompt_without_its_arguments_is_an_error
        the_middleware_may_refuse_a_request;
    guarding:
        what_is_ordinary_passes_a_whole_stack
        a_stack_in_which_nothing_is_on_lets_everything_through
        who_calls_too_often_is_told_when_to_come_back
        who_calls_too_often_by_the_count_of_a_store_is_told_when_to_come_back
        what_the_store_cannot_count_is_refused
        what_takes_longer_than_its_layer_allows_fails
        what_there_is_no_place_for_is_refused
        errors_are_put_in_other_words
        a_result_is_kept
        calls_that_are_the_same_run_once
        a_call_that_is_sent_again_by_its_key_is_run_once
        a_call_that_is_sent_again_over_another_connection_is_run_once
        calls_with_the_same_key_at_the_same_time_run_once
        a_key_that_was_given_to_another_call_is_refused
        a_call_with_a_key_that_was_cancelled_is_not_run_again
        without_the_layer_a_key_is_nothing
        arguments_are_held_against_all_that_schemas_say
        what_is_done_is_recorded
        whoever_says_who_it_is_is_let_in_and_known
        whoever_does_not_is_let_in_nowhere
        whoever_is_turned_away_is_recorded_and_counted
        without_the_layer_nobody_is_asked
        responses_have_headers_for_browsers
        without_the_layer_responses_have_no_such_headers;
    hearing:
        progress_is_heard_in_order_and_before_the_answer
        progress_says_how_far_it_goes
        progress_of_calls_side_by_side_is_not_mixed_up
        what_comes_after_the_answer_is_not_heard
        logs_are_heard_from_the_level_that_was_asked_for;
    asking:
        a_form_is_filled_in
        a_form_may_be_declined
        a_form_may_be_filled_in_with_a_lot
        an_answer_that_is_too_long_fails_its_call
        one_question_follows_from_the_other
        several_things_are_asked_at_once
        the_user_is_sent_to_a_page
        the_model_of_the_client_is_asked
        roots_are_named
        resources_and_prompts_may_ask_too
        what_the_client_did_not_offer_is_not_asked
        a_question_that_is_refused_fails_its_call
        many_calls_ask_without_being_mixed_up;
    subscribing:
        a_change_right_after_subscribing_is_heard
        every_list_is_reported
        several_changes_are_heard_in_order
        only_what_was_asked_for_is_heard
        subscriptions_side_by_side_hear_each_its_own
        a_subscription_that_was_closed_leaves_the_others
        every_client_hears_of_a_change
        a_handler_hears_of_changes
        changes_and_calls_share_the_connection;
    cancelling:
        a_call_may_be_cancelled
        a_call_that_reports_progress_may_be_cancelled
        cancelling_one_call_leaves_the_others
        a_call_that_asks_may_be_cancelled
        a_call_that_takes_too_long_fails_and_is_let_go
        progress_gives_a_call_more_time
        a_server_ends_what_takes_too_long;
    crowding:
        a_thousand_calls_at_once_are_each_answered
        calls_that_wait_are_each_answered
        a_quick_call_overtakes_a_slow_one
        calls_follow_each_other
        clients_are_not_mixed_up
        operations_of_every_kind_go_side_by_side
        more_requests_than_a_connection_may_have_are_refused;
    sizes:
        texts_of_next_to_nothing_pass
        texts_of_any_kind_pass
        names_of_any_kind_pass
        texts_around_the_sizes_of_buffers_pass
        large_arguments_pass
        large_results_pass
        an_answer_just_within_the_limit_passes
        an_answer_beyond_the_limit_fails_its_call
        a_request_just_within_the_limit_passes
        a_request_beyond_the_limit_fails_its_call
        a_message_beyond_the_limit_ends_what_cannot_skip_it;
    ending:
        who_has_closed_calls_no_more
        closing_fails_open_calls_and_lets_them_go
        dropping_the_client_lets_its_calls_go
        a_server_that_shuts_down_answers_what_is_under_way
        a_server_that_shuts_down_tells_what_it_cannot_wait_for
        an_idle_server_shuts_down_at_once
        a_shutdown_ends_subscriptions
        a_client_that_is_killed_has_cancelled_its_calls
        a_client_that_is_killed_leaves_the_others
        a_server_that_is_killed_fails_open_calls
        a_server_that_is_killed_ends_subscriptions
        an_answer_that_breaks_off_fails_its_call
        a_server_that_ends_its_half_fails_open_calls
        a_client_that_ends_its_half_is_answered;
    stalling:
        a_reader_that_stops_holds_up_its_handler
        a_reader_that_stops_holds_up_what_it_asks_for
        a_reader_that_stops_holds_up_nobody_else
        a_server_that_stops_reading_runs_into_the_deadline
        a_server_that_stops_reading_holds_up_what_is_sent;
    strangers:
        what_is_no_json_costs_itself
        what_is_no_message_costs_itself
        a_request_that_lacks_something_is_answered_by_its_id
        text_that_is_no_unicode_costs_itself
        notices_and_answers_out_of_nowhere_are_ignored
        a_frame_beyond_the_limit_costs_itself
        a_stranger_leaves_the_others;
    reconnecting:
        a_lost_connection_is_made_again_by_the_next_call
        a_lost_connection_stays_lost_unless_it_is_to_be_made_again
        a_connection_is_made_again_by_hand
        a_subscription_hears_that_its_connection_was_lost
        a_subscription_that_is_resumed_misses_nothing
        a_client_that_was_closed_is_not_connected_again
        a_new_client_finds_the_server_as_it_was;
}

/// A conversation that is not held over some bindings.
pub struct LeftOut {
    conversation: &'static str,
    bindings: &'static [&'static str],
    eras: &'static [Era],
    reason: &'static str,
}

const BOTH: &[Era] = &[Era::Modern, Era::Legacy];
const MODERN: &[Era] = &[Era::Modern];
const LEGACY: &[Era] = &[Era::Legacy];

const PROCESS: &[&str] = &["stdio"];
const HTTP: &[&str] = &["http", "https"];
const WEBSOCKET: &[&str] = &["websocket", "wss"];
const READY_MADE: &[&str] = &["memory"];
const NOT_HTTP: &[&str] = &["stdio", "memory", "websocket", "wss", "tcp", "tls", "unix"];
const TCP: &[&str] = &["tcp"];
const NO_RESPONSES: &[&str] = &["stdio", "memory", "tcp", "tls", "unix"];
const NOT_WEBSOCKET: &[&str] = &["stdio", "memory", "http", "https", "tcp", "tls", "unix"];

macro_rules! left_out {
    ($($reason:literal: $($conversation:ident $bindings:ident $eras:ident),+;)*) => {
        /// What is not held, and why.
        pub static LEFT_OUT: &[LeftOut] = &[
            $($(LeftOut {
                conversation: stringify!($conversation),
                bindings: $bindings,
                eras: $eras,
                reason: $reason,
            }),+),*
        ];
    };
}

left_out! {
    "each client has a server of its own":
        every_client_hears_of_a_change PROCESS BOTH,
        a_call_that_is_sent_again_over_another_connection_is_run_once PROCESS BOTH,
        a_server_that_is_gone_cannot_be_connected_to PROCESS BOTH,
        a_new_client_finds_the_server_as_it_was PROCESS BOTH;
    "what connects is made by the user, and serves once":
        a_server_that_is_gone_cannot_be_connected_to READY_MADE BOTH,
        a_lost_connection_is_made_again_by_the_next_call READY_MADE BOTH,
        a_connection_is_made_again_by_hand READY_MADE BOTH,
        a_subscription_hears_that_its_connection_was_lost READY_MADE BOTH;
    "each request finds a connection of its own":
        a_lost_connection_stays_lost_unless_it_is_to_be_made_again HTTP BOTH,
        a_reader_that_stops_holds_up_what_it_asks_for HTTP BOTH,
        more_requests_than_a_connection_may_have_are_refused HTTP MODERN;
    "a session outlives its connections, and its client may come back for the answers":
        a_client_that_is_killed_has_cancelled_its_calls HTTP LEGACY,
        a_subscription_hears_that_its_connection_was_lost HTTP LEGACY;
    "only what belongs to a session can be resumed":
        a_subscription_that_is_resumed_misses_nothing NOT_HTTP BOTH,
        a_subscription_that_is_resumed_misses_nothing HTTP MODERN;
    "a client that ends its half of a connection has left":
        a_client_that_ends_its_half_is_answered HTTP BOTH;
    "the closing handshake ends both halves":
        a_client_that_ends_its_half_is_answered WEBSOCKET BOTH;
    "a body that is too long is refused unread, and the connection with it, on which the answer may be lost":
        a_request_beyond_the_limit_fails_its_call HTTP BOTH,
        an_answer_that_is_too_long_fails_its_call HTTP MODERN,
        a_frame_beyond_the_limit_costs_itself HTTP BOTH;
    "what is not accepted is told by a status":
        notices_and_answers_out_of_nowhere_are_ignored HTTP MODERN;
    "a frame that is too long ends the connection":
        a_frame_beyond_the_limit_costs_itself WEBSOCKET BOTH,
        an_answer_beyond_the_limit_fails_its_call WEBSOCKET BOTH,
        a_request_beyond_the_limit_fails_its_call WEBSOCKET BOTH,
        an_answer_that_is_too_long_fails_its_call WEBSOCKET BOTH;
    "what is too long is skipped":
        a_message_beyond_the_limit_ends_what_cannot_skip_it NOT_WEBSOCKET BOTH;
    "nothing says who is at the other end: whoever must be known cannot be":
        whoever_says_who_it_is_is_let_in_and_known TCP BOTH;
    "the server ends with the client that it does not know":
        whoever_is_turned_away_is_recorded_and_counted PROCESS BOTH;
    "no response of HTTP goes over it":
        responses_have_headers_for_browsers NO_RESPONSES BOTH,
        without_the_layer_responses_have_no_such_headers NO_RESPONSES BOTH;
    "text that is no UTF-8 ends the connection":
        text_that_is_no_unicode_costs_itself WEBSOCKET BOTH;
}

/// Returns why a conversation is not held, if it is not.
pub fn left_out(conversation: &str, binding: &str, era: Era) -> Option<&'static str> {
    let mut found = LEFT_OUT.iter().filter(|left_out| {
        left_out.conversation == conversation && left_out.bindings.contains(&binding) && left_out.eras.contains(&era)
    });
    found.next().map(|left_out| left_out.reason)
}

/// Checks that the table names nothing that is not there.
pub fn check() {
    for left_out in LEFT_OUT {
        let LeftOut { conversation, bindings, .. } = left_out;
        assert!(CONVERSATIONS.iter().any(|(name, _)| name == conversation), "there is no conversation {conversation}");
        assert!(!bindings.is_empty() && !left_out.reason.is_empty(), "{conversation}");
        for binding in *bindings {
            assert!(BINDINGS.iter().any(|known| known.name() == *binding), "there is no binding {binding}");
        }
    }
}
