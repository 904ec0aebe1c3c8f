from live_canary.cli.main import main

if __name__ == "__main__":
    main()
