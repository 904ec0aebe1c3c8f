from live_canary.cli.app import main

if __name__ == "__main__":
    main()
