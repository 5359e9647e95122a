<?php
/**
 * As much of WordPress as the plugin in docs/snippets uses, in memory: hooks, posts, fields, cron.
 *
 * Reads commands as lines of JSON and answers each with a line of JSON, so that a test drives it as
 * an editor and a reader would. Requests go out over real HTTP.
 */

error_reporting(E_ALL);
set_error_handler(function ($level, $message, $file, $line) {
    throw new ErrorException($message, 0, $level, $file, $line);
});
ini_set('error_log', 'php://stderr');
define('ABSPATH', __DIR__);
if (getenv('INTONE_TEST_URL')) {
    define('INTONE_URL', getenv('INTONE_TEST_URL'));
    define('INTONE_KEY', getenv('INTONE_TEST_KEY'));
}

class WP_Post
{
    public $ID;
    public $post_title = '';
    public $post_content = '';
    public $post_status = 'draft';
    public $post_type = 'post';
    public $post_password = '';
}

class World
{
    public static $hooks = array();
    public static $shortcodes = array();
    public static $posts = array();
    public static $meta = array();
    public static $cron = array();
    public static $requests = array();
    public static $scripts = array();
    public static $is_singular = false;
}

function add_filter($hook, $callback, $priority = 10, $count = 1)
{
    World::$hooks[$hook][$priority][] = array($callback, $count);
}
function add_action($hook, $callback, $priority = 10, $count = 1)
{
    add_filter($hook, $callback, $priority, $count);
}
function apply_filters($hook, $value, ...$more)
{
    $hooked = World::$hooks[$hook] ?? array();
    ksort($hooked);
    foreach ($hooked as $callbacks) {
        foreach ($callbacks as list($callback, $count)) {
            $value = $callback(...array_slice(array($value, ...$more), 0, $count));
        }
    }
    return $value;
}
function do_action($hook, ...$arguments)
{
    $hooked = World::$hooks[$hook] ?? array();
    ksort($hooked);
    foreach ($hooked as $callbacks) {
        foreach ($callbacks as list($callback, $count)) {
            $callback(...array_slice($arguments, 0, $count));
        }
    }
}
function add_shortcode($name, $callback)
{
    World::$shortcodes[$name] = $callback;
}
function do_shortcode($content)
{
    return preg_replace_callback('/\[(\w+)\]/', function ($found) {
        $callback = World::$shortcodes[$found[1]] ?? null;
        return $callback ? $callback() : $found[0];
    }, $content);
}
add_filter('the_content', 'do_shortcode', 11);

function get_post($post = null)
{
    if ($post === null) {
        return $GLOBALS['post'] ?? null;
    }
    return World::$posts[$post instanceof WP_Post ? $post->ID : $post] ?? null;
}
function setup_postdata($post) {}
function wp_reset_postdata() { $GLOBALS['post'] = null; }
function get_the_title($post) { return htmlspecialchars($post->post_title, ENT_QUOTES); }
function get_permalink($post) { return getenv('BLOG_URL') . '/?p=' . $post->ID; }
function get_bloginfo($what) { return 'en-GB'; }
function wp_is_post_revision($post_id) { return World::$posts[$post_id]->post_type === 'revision'; }
function wp_is_post_autosave($post_id) { return false; }
function get_post_meta($post_id, $name, $single) { return World::$meta[$post_id][$name] ?? ''; }
function update_post_meta($post_id, $name, $value) { World::$meta[$post_id][$name] = $value; }
function delete_post_meta($post_id, $name) { unset(World::$meta[$post_id][$name]); }
function wp_next_scheduled($hook, $arguments)
{
    foreach (World::$cron as $event) {
        if ($event['hook'] === $hook && $event['arguments'] === $arguments) {
            return $event['at'];
        }
    }
    return false;
}
function wp_schedule_single_event($at, $hook, $arguments)
{
    World::$cron[] = array('at' => $at, 'hook' => $hook, 'arguments' => $arguments);
    return true;
}
function untrailingslashit($text) { return rtrim($text, '/\\'); }
function wp_json_encode($value) { return json_encode($value); }
function esc_attr($text) { return htmlspecialchars($text, ENT_QUOTES); }
function is_singular() { return World::$is_singular; }
function in_the_loop() { return World::$is_singular; }
function is_main_query() { return World::$is_singular; }
function wp_enqueue_script($name, $url, $needs, $version, $more) { World::$scripts[$name] = $url; }
function is_wp_error($answer) { return $answer === null; }
function wp_remote_retrieve_response_code($answer) { return $answer; }
function wp_remote_request($url, $request)
{
    $headers = array('Connection: close');
    foreach ($request['headers'] as $name => $value) {
        $headers[] = "$name: $value";
    }
    World::$requests[] = array('method' => $request['method'], 'url' => $url);
    $context = stream_context_create(array('http' => array(
        'method' => $request['method'],
        'header' => $headers,
        'content' => $request['body'] ?? '',
        'timeout' => $request['timeout'],
        'follow_location' => 0,
        'ignore_errors' => true,
    )));
    try {
        file_get_contents($url, false, $context);
    } catch (ErrorException $error) {
        return null;
    }
    return (int) explode(' ', $http_response_header[0])[1];
}

require $argv[1];

/** What an editor, WP-Cron and a reader do. */
function perform(array $command)
{
    switch ($command['do']) {
        case 'save':
            $post = World::$posts[$command['id']] ?? new WP_Post();
            foreach ($command['post'] as $name => $value) {
                $post->$name = $value;
            }
            $post->ID = $command['id'];
            World::$posts[$post->ID] = $post;
            do_action('save_post', $post->ID, $post, true);
            foreach ($command['meta'] ?? array() as $name => $value) {
                update_post_meta($post->ID, $name, $value);
            }
            do_action('wp_after_insert_post', $post->ID, $post, true, null);
            return null;
        case 'delete':
            do_action('before_delete_post', $command['id'], World::$posts[$command['id']]);
            unset(World::$posts[$command['id']], World::$meta[$command['id']]);
            return null;
        case 'cron':
            $due = World::$cron;
            World::$cron = array();
            foreach ($due as $event) {
                do_action($event['hook'], ...$event['arguments']);
            }
            return array_map(fn($event) => $event['at'] - time(), World::$cron);
        case 'view':
            World::$is_singular = $command['single'];
            $GLOBALS['post'] = World::$posts[$command['id']];
            do_action('wp_enqueue_scripts');
            $shown = apply_filters('the_content', $GLOBALS['post']->post_content);
            World::$is_singular = false;
            return $shown;
    }
}

while (($line = fgets(STDIN)) !== false) {
    World::$requests = World::$scripts = array();
    $result = perform(json_decode($line, true));
    echo json_encode(array(
        'result' => $result,
        'requests' => World::$requests,
        'waiting' => count(World::$cron),
        'scripts' => (object) World::$scripts,
    )), "\n";
}
