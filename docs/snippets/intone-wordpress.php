<?php
/**
 * Plugin Name: Intone
 * Description: Has published posts read aloud by an Intone server, and puts its player into them.
 * Requires at least: 5.6
 * Requires PHP: 7.4
 *
 * Put this file into wp-content/plugins, activate it, and say in wp-config.php where the server is:
 *
 *     define('INTONE_URL', 'https://speech.example');
 *     define('INTONE_KEY', 'in_live_…');  // the site's key, of `intone sites create`
 *
 * A post with the custom field `intone_disabled` set to 1 is not read aloud. `[intone_player]` puts
 * the player elsewhere than above the post; `add_filter('intone_place', fn() => 'after')` below it.
 */

defined('ABSPATH') || exit;

/** What was sent of a post: a hash of its title and text. */
const INTONE_SENT = '_intone_sent';
const INTONE_DISABLED = 'intone_disabled';
/** Seconds until a request that failed is sent again, and how often it is. */
const INTONE_RETRY_S = 300;
const INTONE_TRIES = 5;

// This hook comes when a post's fields and terms have been saved as well, in every editor.
add_action('wp_after_insert_post', 'intone_saved', 10, 2);
add_action('before_delete_post', 'intone_deleted');
add_action('intone_send', 'intone_send', 10, 2);
add_action('intone_withdraw', 'intone_withdraw', 10, 2);
add_action('wp_enqueue_scripts', 'intone_script');
add_filter('the_content', 'intone_place_player', 20);
add_shortcode('intone_player', 'intone_player');

function intone_is_set_up(): bool
{
    return defined('INTONE_URL') && defined('INTONE_KEY');
}

/** Whether a post is one that readers may hear. */
function intone_is_heard(WP_Post $post): bool
{
    return in_array($post->post_type, apply_filters('intone_post_types', array('post')), true)
        && $post->post_status === 'publish'
        && $post->post_password === ''
        && !get_post_meta($post->ID, INTONE_DISABLED, true);
}

/** What changes when the audio has to: neither terms nor the featured image. */
function intone_hash(WP_Post $post): string
{
    return hash('sha256', $post->post_title . "\0" . $post->post_content);
}

/**
 * Have WP-Cron send a post whose title or text has changed, so that nobody waits for it to be saved.
 * One that readers may no longer see is withdrawn.
 */
function intone_saved(int $post_id, WP_Post $post): void
{
    if (!intone_is_set_up() || wp_is_post_revision($post_id) || wp_is_post_autosave($post_id)) {
        return;
    }
    $sent = get_post_meta($post_id, INTONE_SENT, true);
    if (!intone_is_heard($post)) {
        if ($sent) {
            delete_post_meta($post_id, INTONE_SENT);
            intone_later('intone_withdraw', $post_id, 1, 0);
        }
        return;
    }
    if ($sent !== intone_hash($post)) {
        intone_later('intone_send', $post_id, 1, 0);
    }
}

function intone_deleted(int $post_id): void
{
    if (intone_is_set_up() && get_post_meta($post_id, INTONE_SENT, true)) {
        intone_later('intone_withdraw', $post_id, 1, 0);
    }
}

function intone_later(string $hook, int $post_id, int $try, int $seconds): void
{
    if (!wp_next_scheduled($hook, array($post_id, $try))) {
        wp_schedule_single_event(time() + $seconds, $hook, array($post_id, $try));
    }
}

/** Send a post as it is shown: with blocks and shortcodes expanded. WP-Cron calls this. */
function intone_send(int $post_id, int $try): void
{
    $post = get_post($post_id);
    if (!intone_is_set_up() || !$post || !intone_is_heard($post)) {
        return;
    }
    $hash = intone_hash($post);
    $GLOBALS['post'] = $post;  // what shortcodes and blocks look at
    setup_postdata($post);
    $content = apply_filters('the_content', $post->post_content);
    wp_reset_postdata();
    $status = intone_request('POST', '/v1/audio/generate', array(
        'post_id' => (string) $post_id,
        'post_title' => html_entity_decode(get_the_title($post), ENT_QUOTES, 'UTF-8'),
        'post_url' => get_permalink($post),
        'language' => intone_language(),
        'content' => $content,
        'update' => 'if-changed',
    ));
    if ($status === 200 || $status === 202) {
        update_post_meta($post_id, INTONE_SENT, $hash);
    } else {
        intone_failed('intone_send', $post_id, $try, $status);
    }
}

/** Delete the audio of a post that readers may no longer see. WP-Cron calls this. */
function intone_withdraw(int $post_id, int $try): void
{
    $post = get_post($post_id);
    if (!intone_is_set_up() || ($post && intone_is_heard($post))) {
        return;
    }
    $status = intone_request('DELETE', '/v1/audio/' . $post_id);
    if ($status !== 200 && $status !== 404) {
        intone_failed('intone_withdraw', $post_id, $try, $status);
    }
}

/** Try again later, unless the server has said that it would refuse again. */
function intone_failed(string $hook, int $post_id, int $try, int $status): void
{
    // The key stands in no message, and what the server says of the post is in its own log.
    error_log("Intone: $hook of post $post_id was answered with HTTP $status (try $try).");
    $may_pass = $status === 0 || $status === 429 || $status >= 500;
    if ($may_pass && $try < INTONE_TRIES) {
        intone_later($hook, $post_id, $try + 1, INTONE_RETRY_S * $try);
    }
}

/** The status of the answer; 0 where there was none. */
function intone_request(string $method, string $path, ?array $body = null): int
{
    $headers = array('Authorization' => 'Bearer ' . INTONE_KEY);
    $request = array('method' => $method, 'timeout' => 30, 'redirection' => 0);
    if ($body !== null) {
        $headers['Content-Type'] = 'application/json';
        $request['body'] = wp_json_encode($body);
    }
    $request['headers'] = $headers;
    $answer = wp_remote_request(untrailingslashit(INTONE_URL) . $path, $request);
    return is_wp_error($answer) ? 0 : (int) wp_remote_retrieve_response_code($answer);
}

/** ISO 639-1, as the server wants it, of e.g. en-GB. */
function intone_language(): string
{
    return strtolower(strtok(get_bloginfo('language'), '-'));
}

function intone_script(): void
{
    if (intone_is_set_up() && is_singular()) {
        $url = untrailingslashit(INTONE_URL) . '/player.js';
        wp_enqueue_script('intone-player', $url, array(), null, array('strategy' => 'async'));
    }
}

/** The player above (or below) a single post, unless a shortcode has put it somewhere. */
function intone_place_player(string $content): string
{
    if (!is_singular() || !in_the_loop() || !is_main_query()) {
        return $content;
    }
    $player = strpos($content, 'data-intone-player') === false ? intone_player() : '';
    $place = apply_filters('intone_place', 'before');
    return $place === 'after' ? $content . $player : $player . $content;
}

/** Where the player is to be; it removes itself where there is no audio. */
function intone_player(): string
{
    $post = get_post();
    if (!intone_is_set_up() || !$post || !intone_is_heard($post)) {
        return '';
    }
    return sprintf(
        '<div data-intone-player data-post-id="%s" data-lang="%s"></div>',
        esc_attr((string) $post->ID),
        esc_attr(intone_language())
    );
}
